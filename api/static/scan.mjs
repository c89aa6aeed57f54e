// Reads a QR code with the camera, by the browser's own BarcodeDetector. Loaded on a click; the picture stays in the browser.
// Only a link to a credential, or an id, is followed, and only on this site: what else a code says is not even shown.

const ID = /(?:^|\/)([0-9a-v]{36})(?:$|[/?#])/;
const LONGEST = 2000;

/** The public id in what a QR code says, or null: an id alone, or the last path step of a link. */
export function idIn(text) {
  return text.length <= LONGEST ? (ID.exec(text.trim())?.[1] ?? null) : null;
}

/** Open the camera and look until a credential's code is found, the button is pressed again, or nothing is to be had. */
export async function start(place) {
  const said = place.querySelector("[role=status]");
  const say = (name) => (said.textContent = place.dataset[name] ?? "");
  const detector = await makeDetector();
  if (!detector) return say("missing");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return say("refused");
  }
  await look(place, detector, stream, say);
}

async function makeDetector() {
  if (!("BarcodeDetector" in globalThis)) return null;
  const formats = await BarcodeDetector.getSupportedFormats();
  return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
}

async function look(place, detector, stream, say) {
  const video = place.querySelector("video");
  const stop = place.querySelector("[data-scan-stop]");
  let going = true;
  stop.addEventListener("click", () => (going = false), { once: true });
  video.srcObject = stream;
  video.hidden = stop.hidden = false;
  say("looking");
  await video.play();
  while (going) {
    const [found] = await detector.detect(video);
    const id = found && idIn(found.rawValue);
    if (id) return location.assign(`/verify/${id}?lang=${place.dataset.language}`);
    if (found) say("other");
    await new Promise((again) => setTimeout(again, 200));
  }
  for (const track of stream.getTracks()) track.stop();
  video.hidden = stop.hidden = true;
  say("nothing");
}
