import assert from "node:assert/strict";
import fc from "../property.ts";
import { controlHandler } from "../../src/control/mod.ts";
import { hashOf } from "../../src/control/access.ts";
import { LISTENER_GROUPS } from "../../src/control/spec.ts";
import { createLogger } from "../../src/log/mod.ts";
import { FakeClock } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

const SEGMENTS = [
  "v1",
  "services",
  "status",
  "stop",
  "start",
  "signal",
  "wait",
  "logs",
  "events",
  "db",
  "*",
  "?",
  "..",
  "%",
  "%00",
  "readyz",
  "metrics",
  "@",
  "openapi.json",
];
const path = fc.array(fc.oneof(fc.constantFrom(...SEGMENTS), fc.string({ maxLength: 8 })), { maxLength: 5 }).map((parts) =>
  `/${parts.join("/")}`
);
const KEYS = ["name", "n", "since", "grep", "contains", "follow", "for", "timeout", "verbose", "exclude"];
const VALUES = ["db", "1", "0", "-1", "1e9", "10m", "[", "(a+)+$", "ready", "", "999999999999"];
const query = fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 8 }))), {
  maxLength: 4,
})
  .map((pairs) => new URLSearchParams(pairs).toString());
const body = fc.oneof(
  fc.constant(undefined),
  fc.json({ maxDepth: 2 }),
  fc.record({
    names: fc.oneof(fc.array(fc.constantFrom("db", "*", "", "nobody")), fc.jsonValue({ maxDepth: 1 })),
    signal: fc.oneof(fc.constantFrom("HUP", "9", "x"), fc.jsonValue({ maxDepth: 1 })),
    timeout: fc.oneof(fc.constantFrom("1s", "soon", ""), fc.jsonValue({ maxDepth: 1 })),
  }).map((value) => JSON.stringify(value)),
  fc.uint8Array({ maxLength: 64 }),
);
const HEADERS = [
  "host",
  "origin",
  "authorization",
  "accept",
  "last-event-id",
  "daemonkit-protocol",
  "content-length",
  "content-type",
  "cookie",
];
const header = fc.oneof(
  fc.constantFrom(
    "localhost",
    "evil.example",
    "null",
    "Bearer s3cret",
    "Bearer x",
    "text/event-stream",
    "application/openmetrics-text;q=x",
    "1",
    "2",
    "-5",
    "99999999999999",
  ),
  fc.string({ maxLength: 12 }).filter((text) => /^[\x20-\x7e]*$/.test(text)),
);
const headers = fc.dictionary(fc.constantFrom(...HEADERS), header, { maxKeys: 4 });

// Acceptance runner 62: garbage, half-open connections and vanishing clients harm nobody.
test("controlHandler answers whatever comes, at once, and with 5xx only where that is the truth", async () => {
  const tokenHash = await hashOf("s3cret");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"),
      path,
      query,
      headers,
      body,
      fc.boolean(),
      async (method, path, query, headers, body, hasToken) => {
        const operations = new FakeOperations([fakeUnit("db"), fakeUnit("web", { state: "failed" })]);
        const clock = new FakeClock();
        const failures: string[] = [];
        const log = createLogger({ level: "error", name: "x", clock, sinks: [({ message }) => void failures.push(message)] });
        const access = {
          name: "http",
          address: { hostname: "127.0.0.1", port: 1 },
          allow: LISTENER_GROUPS,
          tokenHash: hasToken ? tokenHash : undefined,
          maxBodyBytes: 50,
          maxClients: 1,
        };
        const handler = controlHandler({ operations, version: "1", protocol: 1, log, clock, access: () => access });
        const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
        let url: string;
        try {
          url = new URL(`http://localhost${path}${query === "" ? "" : `?${query}`}`).href;
        } catch {
          return;
        }
        let response: Response | undefined;
        const answering = Promise.resolve(handler(new Request(url, { method, headers, ...(hasBody ? { body: body as BodyInit } : {}) })));
        void answering.then((each) => response = each);
        // A wait for what does not come is as long as it says.
        for (let turn = 0; response === undefined && turn < 100; turn++) await clock.advance(turn < 50 ? 0 : 1e9);
        response = await answering;
        const isHealth = /^\/(readyz|healthz)/.test(new URL(url).pathname);
        assert.ok(
          response.status < 500 || (response.status === 503 && isHealth) || response.status === 504,
          `${response.status}: ${await response.clone().text()}`,
        );
        assert.deepEqual(failures, []);
        assert.equal(response.headers.get("daemonkit-protocol"), "1");
        if (method === "HEAD") assert.equal(response.body, null);
        handler.streams.end();
        await response.text();
        assert.equal(handler.clients, 0);
      },
    ),
    { numRuns: 3_000 },
  );
});
