import assert from "node:assert/strict";
import { messageOf } from "../../src/core/values/errors.ts";
import { getHost } from "../../src/platform/mod.ts";
import { test } from "../harness.ts";

test("checkAddress lets pass what this machine has, also where somebody listens, and says what it does not have", async () => {
  const { http } = await getHost();
  const server = await http.serve({ hostname: "127.0.0.1", port: 0 }, () => new Response());
  assert.ok("port" in server.address);
  for (const hostname of ["127.0.0.1", "localhost", "0.0.0.0"]) await http.checkAddress({ hostname, port: server.address.port });
  await server.stop();
  // Of a network that is nobody's (RFC 5737), and a name that nobody can have (RFC 2606).
  for (
    const [hostname, reason] of [
      ["192.0.2.1", "as this machine has no such address"],
      ["nobody.invalid", "as there is no host of that name"],
    ]
  ) {
    const failure = await http.checkAddress({ hostname, port: 8080 }).then(() => "", messageOf);
    assert.equal(failure, `Cannot listen on ${hostname}:8080 ${reason}`);
  }
});
