// The requests of the generated client: where the API is, which credential it gets, and how a body
// is read: JSON as a value, an event stream as text.
export const connection = { baseUrl: "", headers: {} as Record<string, string> };

export async function request<T>(url: string, options: RequestInit): Promise<T> {
  const response = await fetch(connection.baseUrl + url, {
    ...options,
    headers: { ...connection.headers, ...(options.headers as Record<string, string>) },
  });
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const data = isJson ? await response.json() : await response.text();
  return { data, status: response.status, headers: response.headers } as T;
}
