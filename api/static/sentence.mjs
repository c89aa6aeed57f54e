// Puts values into the sentences of a report, as verifier/wording.py does. `tables` comes with the page, in its language:
// sentences by reason code, reasons of issuers by theirs, words of verdicts.

const MINUTE = 60_000_000n;
const locale = () => document.documentElement.lang.replace(/^en$/, "en-GB");

/** Microseconds since 1970, in words; at midnight the day alone. */
function moment(micros) {
  const at = new Date(Number(micros / 1000n));
  const day = new Intl.DateTimeFormat(locale(), { dateStyle: "long", timeZone: "UTC" }).format(at);
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
  const minutes = new Intl.NumberFormat(locale(), { style: "unit", unit: "minute" });
  if (values.age !== undefined) shown.age = minutes.format(values.age / MINUTE);
  return written(tables.sentences[reason] ?? reason, shown);
}
