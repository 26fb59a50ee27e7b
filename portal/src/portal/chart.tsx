// Calls as bars by uPlot, stacked by how they were answered, and the same as a table for who sees no bars.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Table } from "../kit/controls.tsx";
import { language, moment, number, t, utcDay } from "../kit/language.ts";
import { useSignal } from "../kit/signal.ts";
import { theme } from "../kit/theme.ts";
import type { SeriesPoint } from "../kit/types.ts";
import { calls, type Every, length } from "./points.ts";

/** How high the chart is, in CSS pixels. */
const HEIGHT = 220;

/** What bars are made of, from the ground up; the last is drawn first, and the others over it. */
const PARTS = [
  { colour: "--accent", text: "chart.well", of: (point: SeriesPoint) => calls(point) - failed(point) },
  { colour: "--chart-4xx", text: "chart.4xx", of: (point: SeriesPoint) => point.statuses["4xx"] },
  { colour: "--bad-fill", text: "chart.5xx", of: (point: SeriesPoint) => point.statuses["5xx"] },
] as const;

function failed({ statuses }: SeriesPoint): number {
  return statuses["4xx"] + statuses["5xx"];
}

interface ChartProps {
  points: SeriesPoint[];
  every: Every;
  caption: string;
}

export function Chart(props: ChartProps) {
  const { points, every } = props;
  const holder = useRef<HTMLDivElement>(null);
  const chosen = useSignal(theme);
  useEffect(() => {
    const at = holder.current;
    if (!at) return;
    let chart = draw(at, points, every);
    const redraw = () => {
      chart.destroy();
      chart = draw(at, points, every);
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
  }, [points, every, chosen]);
  const used = points.filter((point) => calls(point) > 0);
  return (
    <>
      <ul class="chart-parts" aria-hidden="true">
        {PARTS.map((part, index) => (
          <li key={part.text} class={`part-${index}`}>
            {t(part.text)}
          </li>
        ))}
      </ul>
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
              { head: t("chart.time"), cell: (point) => (every === "hour" ? moment(point.at) : utcDay(point.at)) },
              { head: t("chart.calls"), cell: (point) => number(calls(point)), number: true },
              ...PARTS.map((part) => ({
                head: t(part.text),
                cell: (point: SeriesPoint) => number(part.of(point)),
                number: true,
              })),
            ]}
          />
        )}
      </details>
    </>
  );
}

function draw(at: HTMLElement, points: SeriesPoint[], every: Every): uPlot {
  const font = `12px ${getComputedStyle(at).fontFamily}`;
  const bars = uPlot.paths.bars?.({ size: [0.7, 28], radius: 0.15 });
  // Each part is drawn as high as it and all below it, the highest first.
  const stacked = PARTS.map((_, index) => {
    const below = PARTS.slice(0, index + 1);
    return points.map((point) => below.reduce((sum, part) => sum + part.of(point), 0));
  });
  const series = PARTS.map((part) => ({
    fill: resolved(at, part.colour),
    width: 0,
    points: { show: false },
    ...(bars ? { paths: bars } : {}),
  }));
  const axis = { stroke: resolved(at, "--ink-soft"), font, ticks: { show: false } };
  const half = length(every) / 2_000;
  return new uPlot(
    {
      width: at.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: {
        x: { range: (_, first, last) => [first - half, last + half] },
        y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] },
      },
      axes: [
        { ...axis, size: 30, grid: { show: false }, values: (_, times) => times.map((time) => tick(time, every)) },
        { ...axis, size: 56, grid: { stroke: resolved(at, "--line"), width: 1 }, values: (_, all) => all.map(count) },
      ],
      series: [{}, ...series.reverse()],
    },
    [points.map((point) => Date.parse(point.at) / 1000), ...stacked.reverse()],
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

function tick(time: number, every: Every): string {
  const options: Intl.DateTimeFormatOptions =
    every === "hour"
      ? { month: "numeric", day: "numeric", hour: "numeric" }
      : { month: "numeric", day: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(language.get(), options).format(new Date(time * 1000));
}

function count(value: number): string {
  return Number.isInteger(value) ? number(value) : "";
}
