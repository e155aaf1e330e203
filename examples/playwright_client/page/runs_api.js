// A client of the Automation runs API for a page: it authenticates with the cookie `vai_token`, goes on
// where a connection or a service fails for a while, and passes `runs-mock exam`.

import { messages } from "./sse.js";

const FINISHED = new Set(["completed", "failed", "cancelled"]);
const TEMPORARY = new Set([500, 502, 503, 504]);
const WITHOUT_STREAM = new Set([404, 405, 406, 501]);
const ATTEMPTS = 6;
const PAGE = 100;
const RECONNECT = 1_000;
const POLL = 1_000;

export class ApiError extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

export class RunsApi {
  #notBefore = 0; // When the service takes requests again, after a 429.
  #renewals = 0;
  #renewing = null;

  /** `renew` sets a new cookie when the present one is rejected; `timeout` is in milliseconds. */
  constructor(base, { renew = null, timeout = 30_000 } = {}) {
    this.url = `${base}/api/v1/automation-runs`;
    this.renew = renew;
    this.timeout = timeout;
  }

  /** Return all runs, each once: a run that is created meanwhile shifts the pages. */
  async all() {
    const found = new Map();
    for (let offset = 0; ; offset += PAGE) {
      const { items } = await this.#read(`?limit=${PAGE}&offset=${offset}`);
      for (const run of items) found.set(run.id, run);
      if (items.length < PAGE) return [...found.values()];
    }
  }

  get(id) {
    return this.#read(`/${id}`);
  }

  steps(id) {
    return this.#read(`/${id}/steps`);
  }

  cancel(id) {
    return this.#write(id, "cancel");
  }

  retry(id) {
    return this.#write(id, "retry");
  }

  /** Yield all events of the run until it ends, resumed where the stream breaks off; without a
   * stream, poll. */
  async *follow(id, signal) {
    let last = "";
    for (let failures = 0; failures < ATTEMPTS; failures += 1) {
      const headers = last ? { "Last-Event-ID": last } : {};
      try {
        const response = await this.#send(`/${id}/events`, { headers, signal });
        if (response.status === 204) return;
        if (WITHOUT_STREAM.has(response.status)) {
          yield* this.#poll(id, signal);
          return;
        }
        if (!response.ok) throw new ApiError(response.status, reason(response, await response.text()));
        let finished = false;
        for await (const message of messages(response.body)) {
          last = message.id;
          failures = 0;
          const event = JSON.parse(message.data);
          yield { ...event, id: last };
          // A retried run goes on after the end of an earlier attempt.
          finished = FINISHED.has(event.data.run.status);
        }
        if (finished) return;
      } catch (error) {
        if (signal?.aborted || !isBroken(error)) throw error;
      }
      await sleep(Math.max(RECONNECT, backoff(failures)));
    }
    throw new ApiError(0, "The event stream breaks off again and again");
  }

  async *#poll(id, signal) {
    for (let before = ""; !signal?.aborted; await sleep(POLL)) {
      const run = await this.get(id);
      if (run.status !== before) yield { event: `run.${run.status}`, data: { run } };
      if (FINISHED.has(run.status)) return;
      before = run.status;
    }
  }

  /** Return the JSON of a response; read again if it breaks off. */
  async #read(path) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#json(path);
      } catch (error) {
        if (error instanceof ApiError || attempt + 1 === ATTEMPTS) throw error;
        await sleep(backoff(attempt));
      }
    }
  }

  /** Return the run after an action. Without a complete response, read the run: the action may have
   * had its effect, so it is not sent again. */
  async #write(id, action) {
    try {
      return await this.#json(`/${id}/${action}`, { method: "POST" });
    } catch (error) {
      if (error instanceof ApiError) throw error;
      return this.get(id);
    }
  }

  async #json(path, init = {}) {
    const signal = AbortSignal.timeout(this.timeout);
    const response = await this.#send(path, { ...init, signal });
    const text = await response.text();
    if (!response.ok) throw new ApiError(response.status, reason(response, text));
    return JSON.parse(text);
  }

  /** Renew the cookie, once for all requests that were rejected. */
  #renew() {
    this.#renewing ??= this.renew().finally(() => {
      this.#renewals += 1;
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Send a request; send it again where that is safe and of use. */
  async #send(path, init) {
    let renewed = false;
    for (let attempt = 0; ; ) {
      await sleep(this.#notBefore - Date.now());
      const renewals = this.#renewals;
      const response = await fetch(this.url + path, { credentials: "include", ...init });
      const { status } = response;
      if (status === 429) this.#notBefore = Date.now() + retryAfter(response);
      const temporary = status === 429 || (init.method !== "POST" && TEMPORARY.has(status));
      if (status === 401 && this.renew && !renewed) {
        renewed = true;
        if (renewals === this.#renewals) await this.#renew();
      } else if (temporary && attempt + 1 < ATTEMPTS) {
        await sleep(Math.max(retryAfter(response), backoff(attempt)));
        attempt += 1;
      } else {
        return response;
      }
    }
  }
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(milliseconds, 0)));
}

/** Return whether the error is that of a connection, and not of this page. */
function isBroken(error) {
  return error instanceof TypeError && /network|fetch|load/i.test(error.message);
}

/** Return what an error response says, of whatever kind its body is. */
function reason(response, text) {
  try {
    const { detail, title } = JSON.parse(text);
    const said = detail ?? title;
    return typeof said === "string" ? said : JSON.stringify(said);
  } catch {
    return response.statusText || `HTTP ${response.status}`;
  }
}

/** Return milliseconds: twice as many after each failure, and another number for each client. */
function backoff(failures) {
  return Math.min(500 * 2 ** failures, 30_000) * (0.5 + Math.random() / 2);
}

/** Return the milliseconds that the service asks for; 0 where it names none, or a date. */
function retryAfter(response) {
  const seconds = Number(response.headers.get("Retry-After") ?? "");
  return Number.isFinite(seconds) ? seconds * 1_000 : 0;
}
