/** The state of a world as a document: export, import, reset, copy; failures opened as worlds. */

import { html, useRef, useState } from "../preact.js";
import { address, control } from "../api.js";
import { size } from "../format.js";
import { CodeLine, Head, Panel, report } from "../parts/basics.js";
import { go } from "../router.js";
import { copy } from "../snippets.js";
import { app, toast, useStore } from "../store.js";

/** @param {{ route: Route }} props */
export function StateView({ route: { world } }) {
  const [busy, setBusy] = useState("");
  const worlds = useStore(app, (state) => state.worlds);
  const own = worlds.find((one) => one.name === world);
  const work = async (/** @type {string} */ name, /** @type {() => Promise<unknown>} */ act) => {
    setBusy(name);
    try {
      await act();
    } catch (error) {
      report(error);
    }
    setBusy("");
  };
  const read = async () => {
    const response = await fetch(address(`_mock/state?world=${encodeURIComponent(world)}`));
    const text = await response.text();
    if (!response.ok) throw new Error(JSON.parse(text).detail);
    return text;
  };
  const save = () => work("export", async () => {
    const text = await read();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `${world}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
    toast(`Exported ${size(text.length)}`);
  });
  const put = (/** @type {File} */ file) => work("import", async () => {
    const restored = await control("PUT", "state", { world, body: await file.text() });
    toast(`Imported ${restored.runs} runs`);
  });
  const open = (/** @type {File} */ file) => work("failure", async () => {
    const opened = await control("POST", "failures", { body: await file.text() });
    const notes = opened.notes.length ? `; ${opened.notes.length} differences from what was observed` : "";
    toast(`Opened ${opened.runs} runs in ${opened.name}${notes}`);
    go({ world: opened.name, view: "runs" });
  });
  const link = () => work("link", async () => {
    const made = await control("POST", "repro", { world });
    await copy(made.link);
    toast(`Copied a link with ${made.runs} runs${made.leftOut ? `; ${made.leftOut} are left out` : ""}`);
  });
  return html`<div class="page state">
    <${Head} title="State" lead=${`The world ${world} as one document: runs with their logs, clock, seed, behaviour, faults.${own ? ` It holds ${own.runs} runs; its seed is ${own.seed}.` : ""}`}><//>
    <div class="panels">
      <${Panel} id="export" title="Export">
        <p>The document continues on any mock of this version as this world would.</p>
        <p class="actions"><button type="button" class="primary" disabled=${busy !== ""} onClick=${save}>Download ${world}.json</button><button type="button" disabled=${busy !== ""} onClick=${link}>Copy a link to it</button></p>
        <${CodeLine} text=${`runs-mock state export ${world}.json --world ${world}`} />
      <//>
      <${FilePanel} id="import" title="Import" text="Drop an exported document here, or" label="Document to import" note=${`It replaces ${world}; an invalid document changes nothing.`} busy=${busy !== ""} onFile=${put} />
      <${FilePanel} id="failure" title="Open a failure" text="Drop a file of runs-conformance run --failures here, or" label="Failure to open" note="Its runs are shown in a new world; an invalid file changes nothing." busy=${busy !== ""} onFile=${open} />
      <${Copying} world=${world} busy=${busy !== ""} work=${work} read=${read} />
      <${Reset} world=${world} busy=${busy !== ""} work=${work} />
    </div>
  </div>`;
}

/** @param {{ id: string, title: string, text: string, label: string, note: string, busy: boolean, onFile: (file: File) => void }} props */
function FilePanel({ id, title, text, label, note, busy, onFile }) {
  const [over, setOver] = useState(false);
  const input = useRef(/** @type {any} */ (null));
  const dropped = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  };
  return html`<${Panel} id=${id} title=${title}>
    <div class=${`drop ${over ? "is-over" : ""}`} onDragOver=${(/** @type {Event} */ event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
      <p>${text}</p>
      <button type="button" disabled=${busy} onClick=${() => input.current.click()}>Choose a file</button>
      <input ref=${input} class="visually-hidden" type="file" accept="application/json,.json" aria-label=${label} tabindex="-1" onChange=${(/** @type {any} */ event) => { const [file] = event.target.files; if (file) onFile(file); event.target.value = ""; }} />
      <p class="quiet-text">${note}</p>
    </div>
  <//>`;
}

/** @param {{ world: string, busy: boolean, work: (name: string, act: () => Promise<unknown>) => void, read: () => Promise<string> }} props */
function Copying({ world, busy, work, read }) {
  const [name, setName] = useState(`test-${world}-copy`);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    work("copy", async () => {
      await control("PUT", "state", { world: name, body: await read() });
      toast(`Copied ${world} to ${name}`);
      go({ world: name, view: "runs" });
    });
  };
  return html`<${Panel} id="copy" title="Copy">
    <form class="form" onSubmit=${submit}>
      <label>Name of the copy, also its credential <input required pattern="[a-z0-9][a-z0-9._\\-]{0,63}" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></label>
      <p class="quiet-text">A world of this name is replaced. Names that begin with <code>test-</code> open a new one.</p>
      <footer><button type="submit" disabled=${busy}>Copy the world</button></footer>
    </form>
  <//>`;
}

/** @param {{ world: string, busy: boolean, work: (name: string, act: () => Promise<unknown>) => void }} props */
function Reset({ world, busy, work }) {
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    /** @type {Record<string, unknown>} */
    const body = { start: given.get("start") };
    if (given.get("seed")) body.seed = Number(given.get("seed"));
    if (given.get("frozen")) body.scale = 0;
    work("reset", async () => {
      const made = await control("POST", "reset", { world, body });
      toast(`Reset ${world}: ${made.runs} runs`);
    });
  };
  return html`<${Panel} id="reset" title="Reset">
    <form class="form" onSubmit=${submit}>
      <label>Content <select name="start">${["demo", "empty", "edge-cases", "ten-thousand"].map((one) => html`<option value=${one}>${one}</option>`)}</select></label>
      <label>Seed <input name="seed" type="number" min="0" placeholder="that of the mock" /></label>
      <label class="check"><input name="frozen" type="checkbox" /> Start with a frozen clock</label>
      <p class="quiet-text">All runs, faults and recorded requests of ${world} are removed, and open streams end.</p>
      <footer><button type="submit" class="danger" disabled=${busy}>Reset ${world}</button></footer>
    </form>
  <//>`;
}
