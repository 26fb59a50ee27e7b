// Usage as bars by uPlot, and the same as a table for who sees no bars.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Table } from "../kit/controls.tsx";
import { day, number, t } from "../kit/language.ts";
import { useSignal } from "../kit/signal.ts";
import { theme } from "../kit/theme.ts";
import type { UsagePoint } from "../kit/types.ts";
import { calls } from "./points.ts";

/** How high the chart is, in CSS pixels. */
const HEIGHT = 220;

/** In seconds: so far beyond its first and last moment the chart goes, for the bars of both. */
const HALF_A_DAY = 43_200;

export function Chart(props: { points: UsagePoint[]; caption: string }) {
  const holder = useRef<HTMLDivElement>(null);
  const chosen = useSignal(theme);
  useEffect(() => {
    const at = holder.current;
    if (!at) return;
    let chart = draw(at, props.points);
    const redraw = () => {
      chart.destroy();
      chart = draw(at, props.points);
    };
    const resized = new ResizeObserver(() => chart.setSize({ width: at.clientWidth, height: HEIGHT }));
    resized.observe(at);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", redraw);
    return () => {
      resized.disconnect();
      dark.removeEventListener("change", redraw);
      chart.destroy();
    };
  }, [props.points, chosen]);
  const used = props.points.filter((point) => calls(point) > 0);
  return (
    <>
      <div ref={holder} class="chart" aria-hidden="true" />
      <details class="chart-table">
        <summary>{t("chart.as_table")}</summary>
        {used.length === 0 ? (
          <p class="muted">{t("chart.nothing")}</p>
        ) : (
          <Table
            caption={props.caption}
            rows={used}
            id={(point) => point.at}
            columns={[
              { head: t("chart.day"), cell: (point) => day(point.at) },
              { head: t("chart.calls"), cell: (point) => number(calls(point)), number: true },
            ]}
          />
        )}
      </details>
    </>
  );
}

function draw(at: HTMLElement, points: UsagePoint[]): uPlot {
  const colour = (name: string) => resolved(at, name);
  const font = `12px ${getComputedStyle(at).fontFamily}`;
  const bars = uPlot.paths.bars?.({ size: [0.7, 28], radius: 0.15 });
  const series = {
    fill: colour("--accent"),
    width: 0,
    points: { show: false },
    ...(bars ? { paths: bars } : {}),
  };
  const axis = { stroke: colour("--ink-soft"), font, ticks: { show: false } };
  return new uPlot(
    {
      width: at.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: {
        x: { range: (_, first, last) => [first - HALF_A_DAY, last + HALF_A_DAY] },
        y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] },
      },
      axes: [
        { ...axis, size: 30, grid: { show: false }, values: (_, times) => times.map((time) => tick(time)) },
        { ...axis, size: 56, grid: { stroke: colour("--line"), width: 1 }, values: (_, all) => all.map(count) },
      ],
      series: [{}, series],
    },
    [points.map((point) => Date.parse(point.at) / 1000), points.map(calls)],
    at,
  );
}

/** The colour that a style's variable comes to: a canvas reads no `light-dark()`. */
function resolved(at: HTMLElement, name: string): string {
  at.style.color = `var(${name})`;
  const colour = getComputedStyle(at).color;
  at.style.color = "";
  return colour;
}

function tick(time: number): string {
  const options = { month: "numeric", day: "numeric" } as const;
  return new Intl.DateTimeFormat(document.documentElement.lang, options).format(new Date(time * 1000));
}

function count(value: number): string {
  return Number.isInteger(value) ? number(value) : "";
}
