import assert from "node:assert/strict";
import { type Access, controlHandler } from "../../src/control/mod.ts";
import { plainPath } from "../../src/core/wire/route.ts";
import { silentLogger } from "../../src/core/ports/log.ts";
import { STATES } from "../../src/core/supervise/state.ts";
import { FakeHost } from "../../src/testing/mod.ts";
import { test } from "../harness.ts";
import { FakeOperations, fakeUnit } from "./fake_operations.ts";

type Json = { [key: string]: Json } & {
  $ref?: string;
  required?: string[];
  properties?: Record<string, Json>;
  items?: Json;
  enum?: string[];
  anyOf?: Json[];
  oneOf?: Json[];
};

function daemon(access?: Access) {
  const operations = new FakeOperations([fakeUnit("db"), fakeUnit("web", { state: "failed" })]);
  operations.print("db", "hello");
  operations.happen({ v: 1, seq: 1, time: "2026-01-01T00:00:00.000Z", type: "daemon.started", reason: "test" });
  const { profiler, clock } = new FakeHost();
  return controlHandler({
    operations,
    version: "9.9.9",
    protocol: 1,
    log: silentLogger,
    profiler,
    clock,
    ...(access && { access: () => access }),
  });
}

async function documentOf(handler: ReturnType<typeof daemon>): Promise<Json> {
  return await (await handler(new Request("http://localhost/v1/openapi.json"))).json();
}

/** Every `$ref` in a document leads somewhere; returns what one leads to. */
function resolve(document: Json, node: Json): Json {
  if (node.$ref === undefined) return node;
  const found = node.$ref.slice(2).split("/").reduce((at: Json | undefined, key) => at?.[key], document);
  assert.ok(found, `${node.$ref} leads nowhere`);
  return found;
}

function refsIn(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => key === "$ref" ? [value as string] : refsIn(value));
}

/** Says where a value differs from what its schema promises: keys that are missing, keys that are not mentioned, words that are not in the list. */
function differences(document: Json, schemaOrRef: Json, value: unknown, at = "$"): string[] {
  const schema = resolve(document, schemaOrRef);
  if (schema.enum !== undefined) return schema.enum.includes(value as string) ? [] : [`${at} is ${value}`];
  const any = schema.anyOf ?? schema.oneOf;
  if (any !== undefined) {
    const each = any.map((one) => differences(document, one, value, at));
    return each.find((found) => found.length === 0) ?? each.flat();
  }
  if (schema.items !== undefined) {
    return (value as unknown[]).flatMap((each, index) => differences(document, schema.items!, each, `${at}[${index}]`));
  }
  if (schema.properties === undefined || typeof value !== "object" || value === null) return [];
  const { properties, required = [] } = schema;
  return [
    ...required.filter((key) => !(key in value)).map((key) => `${at}.${key} is missing`),
    ...Object.entries(value).flatMap(([key, each]) => {
      return key in properties ? differences(document, properties[key], each, `${at}.${key}`) : [`${at}.${key} is not mentioned`];
    }),
  ];
}

test("/v1/openapi.json has every route of the handler, and no other", async () => {
  const handler = daemon();
  const document = await documentOf(handler);
  assert.equal(document.openapi as unknown, "3.1.0");
  const told = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const served = handler.routes.map(({ method, path }) => `${method} ${plainPath(path)}`);
  assert.deepEqual(told.sort(), [...new Set(served)].sort());
  for (const ref of refsIn(document)) resolve(document, { $ref: ref } as unknown as Json);
  assert.deepEqual(document.components.schemas.State.enum, [...STATES]);
  // Both streams can be resumed.
  for (const path of ["/v1/logs", "/v1/events"]) {
    const parameters = document.paths[path].get.parameters as unknown as { name: string }[];
    assert.ok(parameters.some(({ name }) => name === "Last-Event-ID"), path);
  }
  // Every parameter of a path is declared.
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const operation of Object.values(methods)) {
      const parameters = ((operation as Json).parameters ?? []) as unknown as { name: string; in: string }[];
      const declared = parameters.filter((each) => each.in === "path").map(({ name }) => `{${name}}`);
      assert.deepEqual(declared, path.match(/\{\w+\}/g) ?? [], path);
    }
  }
});

test("/v1/openapi.json promises what real answers hold", async () => {
  const handler = daemon();
  const document = await documentOf(handler);
  const post = (body: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(body) });
  const json = { headers: { accept: "application/json" } };
  const rows: [route: string, path: string, init?: RequestInit][] = [
    ["GET /livez", "/livez", json],
    ["GET /readyz", "/readyz?verbose", json],
    ["GET /healthz", "/healthz", json],
    ["GET /readyz/{name}", "/readyz/web", json],
    ["GET /readyz/{name}", "/readyz/nobody", json],
    ["GET /startupz", "/startupz", json],
    ["GET /metrics", "/metrics"],
    ["GET /v1/status", "/v1/status"],
    ["GET /v1/status", "/v1/status?name=nobody"],
    ["POST /v1/stop", "/v1/stop", post({})],
    ["GET /v1/openapi.json", "/v1/openapi.json"],
    ...["start", "stop", "restart"].flatMap((verb): [string, string, RequestInit][] => [
      [`POST /v1/units/${verb}`, `/v1/units/${verb}`, post({ names: ["db"] })],
      [`POST /v1/units/${verb}`, `/v1/units/${verb}`, post({ names: "db" })],
      [`POST /v1/units/{name}/${verb}`, `/v1/units/db/${verb}`, post({})],
    ]),
    ["POST /v1/units/signal", "/v1/units/signal", post({ names: ["db"], signal: "HUP" })],
    ["POST /v1/units/{name}/signal", "/v1/units/db/signal", post({ signal: "HUPP" })],
    ["GET /v1/wait", "/v1/wait?name=db&for=started"],
    ["POST /v1/profile/cpu", "/v1/profile/cpu?seconds=never", post({})],
    ["POST /v1/profile/heap", "/v1/profile/heap", post({})],
    ["POST /v1/reload", "/v1/reload?dryRun=1", post({})],
    ["GET /v1/logs", "/v1/logs"],
    ["GET /v1/events", "/v1/events?follow=0", { headers: { accept: "application/x-ndjson" } }],
  ];
  const seen = new Set<string>();
  for (const [route, path, init] of rows) {
    seen.add(route);
    const [method, template] = route.split(" ");
    const response = await handler(new Request(`http://localhost${path}`, init));
    const promised = document.paths[template][method.toLowerCase()].responses[String(response.status)];
    assert.ok(promised, `${route} answers ${response.status}, which is not mentioned`);
    const type = response.headers.get("content-type")!.split(";")[0].toLowerCase();
    const content = resolve(document, promised).content[type];
    assert.ok(content, `${route} answers ${type}, which is not mentioned`);
    const text = await response.text();
    if (type.includes("json")) {
      assert.deepEqual(differences(document, content.schema, JSON.parse(text.split("\n")[0])), [], route);
    }
  }
  assert.equal(seen.size, Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length);
});

test("/v1/openapi.json says of every route that a page of another origin is refused", async () => {
  const document = await documentOf(daemon());
  const handler = daemon({
    name: "http",
    address: { hostname: "127.0.0.1", port: 9900 },
    allow: ["health", "metrics", "control"],
    tokenHash: undefined,
    maxBodyBytes: 1_000,
    maxClients: 10,
  });
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const init = { method: method.toUpperCase(), headers: { origin: "http://elsewhere.example" } };
      const response = await handler(new Request(`http://127.0.0.1:9900${path.replace("{name}", "db")}`, init));
      assert.equal(response.status, 403, path);
      assert.ok((operation as Json).responses["403"], `${method} ${path} answers 403, which is not mentioned`);
    }
  }
});

test("every route has a sentence and an example, whose request is answered and whose answer is of its shape", async () => {
  const operations = new FakeOperations([fakeUnit("api"), fakeUnit("web"), fakeUnit("batch")]);
  const { profiler, clock } = new FakeHost();
  const handler = controlHandler({ operations, version: "9.9.9", protocol: 1, log: silentLogger, profiler, clock });
  for (const { method, path, summary, example, body, answers } of handler.routes) {
    assert.match(summary, /^[A-Z].*\.$/, path);
    if (body !== undefined) assert.equal(body.find(example.body, ""), undefined, path);
    const content = answers[0].content;
    const shape = typeof example.answer === "string"
      ? content["text/plain"]
      : content["application/json"] ?? content["application/x-ndjson"];
    assert.equal(shape.find(example.answer, ""), undefined, path);
    const answering = handler(
      new Request(`http://localhost${example.path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(example.body) }) }),
    );
    await clock.advance(60_000);
    const response = await answering;
    assert.ok(answers.some(({ status }) => status === response.status), `${method} ${example.path} answers ${response.status}`);
    handler.streams.end();
    await response.body?.cancel();
  }
});
