// List the runs and follow one live. Open it as index.html?api=http://127.0.0.1:8080 with the cookie
// `vai_token` set. `run` in the query is the run to follow, `login` the address that renews the cookie.

import { ApiError, RunsApi } from "./runs_api.js";

const query = new URLSearchParams(location.search);
const login = query.get("login");
const renew = login && (() => fetch(login, { method: "POST", credentials: "include" }));
const api = new RunsApi(query.get("api") ?? "", { renew });
const run = query.get("run");
const FINISHED = ["completed", "failed", "cancelled"];

const element = (id) => document.getElementById(id);
const say = (text) => (element("connection").textContent = text);
let following = new AbortController();

function show(error) {
  if (error.name === "AbortError") return;
  element("connection").dataset.error = error.status || "";
  say(error instanceof ApiError && error.status ? `${error.status}: ${error.message}` : error.message);
}

async function list() {
  const runs = await api.all();
  element("runs").replaceChildren(
    ...runs.map((run) => {
      const item = document.createElement("li");
      item.dataset.id = run.id;
      const button = document.createElement("button");
      button.textContent = `${run.id.slice(0, 8)} ${run.status}`;
      button.addEventListener("click", () => follow(run.id).catch(show));
      item.append(button);
      return item;
    }),
  );
}

async function follow(id) {
  following.abort();
  following = new AbortController();
  const { signal } = following;
  element("events").replaceChildren();
  element("cancel").onclick = () => api.cancel(id).catch(show);
  element("retry").onclick = () => api.retry(id).then(() => follow(id)).catch(show);
  for await (const event of api.follow(id, signal)) {
    if (signal.aborted) return;
    add(event);
    say("Live");
    if (!run && event.event.startsWith("run.")) list().catch(show);
  }
  say("The run has finished");
}

function add({ id, event, data }) {
  const line = document.createElement("li");
  line.textContent = data.step ? `${event} ${data.step.key}` : event;
  Object.assign(line.dataset, { event, id: id ?? "", name: data.step?.name ?? "" });
  element("events").append(line);
  const { status } = data.run;
  element("followed").textContent = `${data.run.id.slice(0, 8)} is ${status}`;
  const finished = FINISHED.includes(status);
  element("cancel").disabled = finished;
  element("retry").disabled = !finished;
}

(run ? follow(run) : list()).catch(show);
