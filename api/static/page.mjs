// Small comforts on top of pages that work without them. Each finds its own markup and does nothing where there is none.
// Texts come from the page, so that they are in its language. Nothing is ever made into markup: text is set as text.

for (const one of document.querySelectorAll("[data-shown-with-script]")) one.hidden = false;

// What costs something is loaded when it is wanted: the scanner on a click, the browser's own check on its page.
const own = document.getElementById("own");
if (own) import(own.dataset.module).then((module) => module.check(own));

const scan = document.getElementById("scan");
scan?.querySelector("[data-scan]").addEventListener("click", async () => {
  const module = await import(scan.dataset.module);
  module.start(scan);
});

document.querySelector("[data-print]")?.addEventListener("click", () => window.print());

const copy = document.querySelector("[data-copy]");
copy?.addEventListener("click", async () => {
  const said = document.getElementById("copy-said");
  try {
    await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent);
    said.textContent = copy.dataset.copied;
  } catch {
    said.textContent = copy.dataset.failed;
  }
});

// While a form is on its way: a bar, and no second press.
for (const busy of document.querySelectorAll("form[data-busy]")) {
  busy.addEventListener("submit", () => {
    busy.querySelector("[data-busy-shown]").hidden = false;
    busy.querySelector("button").disabled = true;
  });
}

// Files dropped anywhere on the page go the way of the form: to the server, whose answer is a page.
const form = document.querySelector("[data-drop]");
if (form) {
  const mark = (is) => document.body.classList.toggle("dropping", is);
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? mark(false));
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    mark(false);
    form.elements.file.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}

// The link to a learner's own page has its secret behind «#», which browsers send to nobody. It is taken out of the
// address before anything else, and handed over in the body of the form that stands there for pasting it.
const door = document.querySelector("[data-enter]");
if (door && location.hash.length > 1) {
  door.elements.link.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  door.requestSubmit();
}
