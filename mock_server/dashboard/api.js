/** Requests to the control API and to the API of the contract, at the address of the page. */

const BASE = new URL(".", document.baseURI);
export const RUNS = "api/v1/automation-runs";

/** An error response, or no response (status 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   * @param {string | null} [number] the entry of the journal that explains it
   */
  constructor(status, detail, number = null) {
    super(detail);
    this.status = status;
    this.number = number;
  }
}

/**
 * Return the absolute URL of a path of the mock.
 * @param {string} path
 */
export const address = (path) => new URL(path, BASE).href;

/** The address of the mock, without a trailing slash. */
export const origin = BASE.href.replace(/\/$/, "");

/**
 * @param {Record<string, unknown>} query
 */
const search = (query) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, `${value}`]))}` : "";
};

/** @param {unknown} body */
function reason(body) {
  const detail = /** @type {any} */ (body)?.detail ?? /** @type {any} */ (body)?.error;
  if (Array.isArray(detail))
    return detail.map((one) => `${(one.loc ?? []).join(".")}: ${one.msg}`).join("\n");
  if (detail && typeof detail === "object") return JSON.stringify(detail);
  return detail ?? null;
}

/**
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<any>}
 */
async function request(path, options) {
  let response, text;
  try {
    response = await fetch(address(path), { credentials: "same-origin", ...options });
    text = await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "No response: the mock is stopped, or the connection was lost.");
  }
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new ApiError(response.status, `The body is not complete JSON: ${text.slice(0, 120)}`, response.headers.get("x-mock-request"));
  }
  if (!response.ok) {
    const detail = reason(body) ?? `The mock returned ${response.status}.`;
    throw new ApiError(response.status, detail, response.headers.get("x-mock-request"));
  }
  return body;
}

/**
 * Call the control API. A string as body is sent as it is.
 * @param {string} method
 * @param {string} path below /_mock/
 * @param {{ world?: string, query?: Record<string, unknown>, body?: unknown, signal?: AbortSignal }} [given]
 */
export function control(method, path, { world, query = {}, body, signal } = {}) {
  return request(`_mock/${path}${search({ world, ...query })}`, {
    method,
    signal,
    ...(body === undefined
      ? {}
      : {
          headers: { "Content-Type": "application/json" },
          body: typeof body === "string" ? body : JSON.stringify(body),
        }),
  });
}

/**
 * Call an operation of the contract as a client of the world: recorded, and subject to faults.
 * @param {string} method
 * @param {string} path below the list of runs, such as `/ID/cancel`
 * @param {string} world
 * @param {unknown} [body]
 */
export function contract(method, path, world, body) {
  return request(`${RUNS}${path}`, {
    method,
    headers: {
      "X-API-Key": world,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}
