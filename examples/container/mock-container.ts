// The mock in a container for tests in Node: `npm install --save-dev testcontainers`.

import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";

/** Start a mock; send `X-Mock-Token` with `token` to its control API. Stop it after the tests. */
export async function startMock(
  token: string,
): Promise<{ baseUrl: string; container: StartedTestContainer }> {
  const container = await new GenericContainer("runs-mock")
    .withExposedPorts(8080)
    .withEnvironment({ RUNS_MOCK_CONTROL_TOKEN: token, RUNS_MOCK_CLOCK: "frozen" })
    .withWaitStrategy(Wait.forHttp("/_mock/ready", 8080).forStatusCode(200))
    .start();
  return {
    baseUrl: `http://${container.getHost()}:${container.getMappedPort(8080)}`,
    container,
  };
}
