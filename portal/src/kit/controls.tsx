// The parts that pages are made of: buttons, fields, dialogs, tables, and what is copied.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";
import { t } from "./language.ts";

type Kind = "plain" | "main" | "danger" | "quiet";

interface ButtonProps {
  kind?: Kind;
  icon?: IconName;
  type?: "button" | "submit";
  busy?: boolean;
  disabled?: boolean;
  label?: string;
  pressed?: boolean;
  onClick?: () => void;
  children?: ComponentChildren;
}

/** A button; busy, it says so and can't be pressed again. */
export function Button(props: ButtonProps) {
  return (
    <button
      type={props.type ?? "button"}
      class={`button ${props.kind ?? "plain"}`}
      disabled={props.disabled || props.busy}
      aria-busy={props.busy || undefined}
      aria-label={props.label}
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      {props.icon && <Icon name={props.icon} />}
      {props.children}
    </button>
  );
}

interface FieldProps {
  label: string;
  help?: string;
  value: string;
  onValue: (value: string) => void;
  type?: "text" | "email" | "search";
  inputMode?: "numeric" | "decimal" | "email";
  autocomplete?: string;
  class?: string;
  pattern?: string;
  maxLength?: number;
  required?: boolean;
  disabled?: boolean;
  wrong?: boolean;
}

/** A labelled input. */
export function Field(props: FieldProps) {
  const id = useId();
  const { label, help, onValue, wrong, type, ...given } = props;
  const describedBy = help ? `${id}-help` : undefined;
  // As an object: JSX's types tell inputs apart by attributes that a field does not have.
  const attributes: object = {
    ...given,
    id,
    type: type ?? "text",
    "aria-invalid": wrong,
    "aria-describedby": describedBy,
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...attributes} onInput={(event) => onValue(event.currentTarget.value)} />
      {help && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

/** A labelled choice. */
export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: { value: T; text: string }[];
  onValue: (value: T) => void;
  hidden?: boolean;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id} class={props.hidden ? "only-read" : undefined}>
        {props.label}
      </label>
      <select id={id} value={props.value} onChange={(event) => props.onValue(event.currentTarget.value as T)}>
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A dialog: the browser's own, which keeps the focus inside and closes by Escape. */
export function Dialog(props: { title: string; close: () => void; fixed?: boolean; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={props.close}
      onCancel={(event) => props.fixed && event.preventDefault()}
    >
      <header class="dialog-head">
        <h2 id={id}>{props.title}</h2>
        {!props.fixed && <Button kind="quiet" icon="close" label={t("action.close")} onClick={props.close} />}
      </header>
      {props.children}
    </dialog>
  );
}

/** Text to copy, in one line. */
export function Copyable(props: { label: string; text: string }) {
  return (
    <div class="copyable">
      <span class="copyable-label">{props.label}</span>
      <code>{props.text}</code>
      <CopyButton text={props.text} label={t("action.copy_of", { what: props.label })} />
    </div>
  );
}

/** How long it says that it was copied, in milliseconds. */
const SAID = 2_000;

export function CopyButton(props: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), SAID);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <span aria-live="polite">
      <Button
        kind="quiet"
        icon={done ? "done" : "copy"}
        label={done ? t("state.copied") : props.label}
        onClick={() => navigator.clipboard.writeText(props.text).then(() => setDone(true))}
      />
    </span>
  );
}

/** Choices side by side, of which one is shown. */
export function Tabs<T extends string>(props: {
  label: string;
  value: T;
  options: { value: T; text: string }[];
  onValue: (value: T) => void;
}) {
  return (
    <fieldset class="tabs">
      <legend class="only-read">{props.label}</legend>
      {props.options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === props.value}
          onClick={() => props.onValue(option.value)}
        >
          {option.text}
        </button>
      ))}
    </fieldset>
  );
}

export interface Column<T> {
  head: string;
  cell: (row: T) => ComponentChildren;
  number?: boolean;
}

/** A table that scrolls by itself where the page is narrower, also by keys. */
export function Table<T>(props: { caption: string; columns: Column<T>[]; rows: T[]; id: (row: T) => string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys (axe: scrollable-region-focusable)
    <section class="table" tabIndex={0} aria-label={props.caption}>
      <table>
        <caption class="only-read">{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column.head} scope="col" class={column.number ? "number" : undefined}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.id(row)}>
              {props.columns.map((column) => (
                <td key={column.head} class={column.number ? "number" : undefined} data-head={column.head}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
