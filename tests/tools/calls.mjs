// Clients that send single requests: `node calls.mjs CLIENT MOCK_URL KEY`. Print the result as JSON.

import { QueryClient } from "@tanstack/query-core";
import axios from "axios";
import { wrapper } from "axios-cookiejar-support";
import { CookieJar } from "tough-cookie";

const [client, base, key] = process.argv.slice(2);
const runs = `${base}/api/v1/automation-runs`;

const CLIENTS = {
  async axios() {
    const jar = new CookieJar();
    const http = wrapper(axios.create({ jar, validateStatus: null }));
    const before = (await http.get(runs)).status;
    // Cookies of other applications on the same host.
    for (const cookie of ["seen", 'prefs={"a":"b"}', "user=John Doe"]) {
      await jar.setCookie(cookie, base, { loose: true });
    }
    await http.get(`${base}/_mock/login`, { params: { as: key } });
    const listed = await http.get(runs, { params: { limit: 1 } });
    return [before, listed.status, listed.data.total];
  },
  async tanstack() {
    const queries = new QueryClient({ defaultOptions: { queries: { retry: 2, retryDelay: 1 } } });
    let attempts = 0;
    const found = await queries.fetchQuery({
      queryKey: ["runs"],
      queryFn: async () => {
        attempts += 1;
        const response = await fetch(runs, { headers: { "X-API-Key": key } });
        if (!response.ok) throw new Error(String(response.status));
        return response.json();
      },
    });
    return [attempts, found.total];
  },
};

console.log(JSON.stringify(await CLIENTS[client]()));
