// The pages that the `type` of a rejection names: what happened, and what to do next.

import { t } from "../kit/language.ts";
import { en, type Texts } from "../kit/texts.en.ts";

const PREFIX = "problem.";

const CODES = Object.keys(en)
  .filter((key) => key.startsWith(PREFIX))
  .map((key) => key.slice(PREFIX.length));

/** All rejections, the one that was asked for first. */
export function Problems(props: { code: string | undefined }) {
  const others = CODES.filter((code) => code !== props.code);
  const codes = props.code && CODES.includes(props.code) ? [props.code, ...others] : CODES;
  return (
    <>
      <section class="hero">
        <h1>{t("problems.title")}</h1>
        <p class="lead">{t("problems.lead")}</p>
      </section>
      <dl class="problems">
        {codes.map((code) => (
          <div key={code} id={code} class={code === props.code ? "card current" : "card"}>
            <dt>
              <code>{code}</code>
            </dt>
            <dd>{t(`problem.${code}` as keyof Texts)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
