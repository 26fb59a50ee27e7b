// The mailbox of development: the letters that a deployment would send.

import { list } from "../kit/api.ts";
import { Button } from "../kit/controls.tsx";
import { moment, t } from "../kit/language.ts";
import { Empty, Loaded, useRemote } from "../kit/remote.tsx";
import type { MailboxItem } from "../kit/types.ts";

export function Mailbox() {
  const [letters, again] = useRemote(() => list<MailboxItem>("dev/mailbox"), []);
  return (
    <>
      <header class="hero">
        <h1>{t("mailbox.title")}</h1>
        <p class="lead">{t("mailbox.lead")}</p>
        <Button onClick={again}>{t("mailbox.again")}</Button>
      </header>
      <Loaded of={letters} again={again}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t("mailbox.empty")} />
          ) : (
            <ul>
              {all.map((letter) => (
                <li key={`${letter.at} ${letter.to}`} class="card letter">
                  <h2>{letter.subject}</h2>
                  <p class="muted">
                    {letter.to} · {moment(letter.at)}
                  </p>
                  <p class="letter-text">{linked(letter.text)}</p>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </>
  );
}

/** The text with its addresses as links. */
function linked(text: string) {
  return text.split(/(https?:\/\/\S+)/).map((part) =>
    part.startsWith("http") ? (
      <a key={part} href={part}>
        {part}
      </a>
    ) : (
      part
    ),
  );
}
