// Puts values into the sentences of a report, as verifier/wording.py does. `tables` comes with the page, in its language:
// sentences by reason code, reasons of issuers by theirs, words of verdicts.

const MINUTE = 60_000_000n;

/** Microseconds since 1970, in words; at midnight the day alone. */
function moment(micros) {
  const locale = document.documentElement.lang === "ru" ? "ru-RU" : "en-GB";
  const at = new Date(Number(micros / 1000n));
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(at);
  return micros % (1440n * MINUTE) === 0n ? day : `${day}, ${at.toISOString().slice(11, 16)} UTC`;
}

/** A sentence with its values: instants in words, everything else as it is. */
export function written(sentence, values) {
  const whole = sentence.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "bigint" ? moment(value) : String(value ?? "…");
  });
  return whole.replace("г..", "г.");
}

/** The sentence of a report or of one of its checks. */
export function sentenceOf({ reason, values = {} }, tables) {
  const shown = { ...values };
  if (typeof values.why === "string") shown.why = tables.reasons[values.why] ?? values.why;
  if (values.age !== undefined) shown.age = `${values.age / MINUTE} min`;
  return written(tables.sentences[reason] ?? reason, shown);
}
