// List the runs and follow one live. Open it as index.html?api=http://127.0.0.1:8080 with the cookie
// `vai_token` set: EventSource cannot send headers, so it needs the cookie.

const API = `${new URLSearchParams(location.search).get("api") ?? ""}/api/v1/automation-runs`;
const FINAL = ["run.completed", "run.failed", "run.cancelled"];
const EVENTS = [
  ...["created", "started", "cancel_requested", "retried"].map((what) => `run.${what}`),
  ...["started", "awaiting_approval", "approved", "completed"].map((what) => `step.${what}`),
  ...["failed", "skipped", "cancelled", "reset"].map((what) => `step.${what}`),
  ...FINAL,
];

const element = (id) => document.getElementById(id);
let source = null;

async function ask(path, init = {}) {
  const response = await fetch(`${API}${path}`, { credentials: "include", ...init });
  const body = await response.json();
  if (response.ok) return body;
  element("connection").textContent = `${response.status}: ${body.detail}`;
  throw new Error(`${path}: ${response.status}`);
}

async function list() {
  const { items } = await ask("?limit=20");
  element("runs").replaceChildren(
    ...items.map((run) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.textContent = `${run.id.slice(0, 8)} ${run.status}`;
      button.addEventListener("click", () => follow(run.id));
      item.append(button);
      return item;
    }),
  );
}

function follow(id) {
  source?.close();
  element("events").replaceChildren();
  element("cancel").onclick = () => ask(`/${id}/cancel`, { method: "POST" });
  element("retry").onclick = async () => {
    await ask(`/${id}/retry`, { method: "POST" });
    follow(id);
  };
  source = new EventSource(`${API}/${id}/events`, { withCredentials: true });
  source.addEventListener("open", () => (element("connection").textContent = "Live"));
  source.addEventListener("error", () => {
    const over = source.readyState === EventSource.CLOSED;
    element("connection").textContent = over ? "The run has finished" : "Reconnecting";
  });
  for (const name of EVENTS) source.addEventListener(name, show);
}

function show(message) {
  const { event, data } = JSON.parse(message.data);
  const line = document.createElement("li");
  line.textContent = data.step ? `${event} ${data.step.key}` : event;
  element("events").append(line);
  const { status } = data.run;
  element("followed").textContent = `${data.run.id.slice(0, 8)} is ${status}`;
  const finished = FINAL.includes(`run.${status}`);
  element("cancel").disabled = finished;
  element("retry").disabled = !finished;
  if (event.startsWith("run.")) list();
}

list();
