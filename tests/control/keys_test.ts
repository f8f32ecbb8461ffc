import assert from "node:assert/strict";
import { parseAddress } from "../../src/core/wire/address.ts";
import { ConfigError } from "../../src/core/values/errors.ts";
import { loadConfig } from "../../src/settings/load_config.ts";
import { hostOf } from "../settings/config_files.ts";
import { test } from "../harness.ts";

const load = (text: string) => loadConfig(hostOf({ "/etc/app/daemon.toml": text }));

async function refusal(text: string): Promise<ConfigError> {
  try {
    await load(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error;
  }
  assert.fail(`was accepted: ${text}`);
}

test("parseAddress names an interface and a port, or a socket", () => {
  const rows: [string, unknown][] = [
    ["127.0.0.1:9900", { hostname: "127.0.0.1", port: 9_900 }],
    ["0.0.0.0:0", { hostname: "0.0.0.0", port: 0 }],
    ["[::1]:9900", { hostname: "::1", port: 9_900 }],
    ["[FE80::1]:1", { hostname: "fe80::1", port: 1 }],
    ["LocalHost:80", { hostname: "localhost", port: 80 }],
    ["my-box.example:65535", { hostname: "my-box.example", port: 65_535 }],
    ["unix:run/x.sock", { unix: "run/x.sock" }],
    ["unix:/run/x.sock", { unix: "/run/x.sock" }],
  ];
  for (const [text, address] of rows) assert.deepEqual(parseAddress(text), address, text);
  const bad = [
    "",
    ":9900",
    "9900",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "::1:9900",
    "[::1]",
    "unix:",
    "http://x:1",
    "a b:1",
    "-x:1",
    "x:1/",
  ];
  for (const text of bad) assert.equal(parseAddress(text), undefined, text);
});

test("[listen.NAME]: the control socket is always first, what is not set has its default, paths come from the base folder", async () => {
  const { listeners } = await load(`
[listen.http]
address = "127.0.0.1:9900"
[listen.sock]
address = "unix:run/x.sock"
allow = ["control", "health"]
token_file = "x.token"
max_body = "64KiB"
max_clients = 5
[listen.admin]
max_clients = 7
`);
  const limits = { maxBodyBytes: 1_000_000, maxClients: 1_000 };
  assert.deepEqual(listeners, [
    { name: "admin", address: undefined, allow: ["health", "metrics", "control"], tokenFile: undefined, ...limits, maxClients: 7 },
    { name: "http", address: { hostname: "127.0.0.1", port: 9_900 }, allow: ["health", "metrics"], tokenFile: undefined, ...limits },
    {
      name: "sock",
      address: { unix: "/etc/app/run/x.sock" },
      allow: ["health", "control"],
      tokenFile: "/etc/app/x.token",
      maxBodyBytes: 65_536,
      maxClients: 5,
    },
  ]);
  assert.deepEqual((await load("")).listeners.map(({ name }) => name), ["admin"]);
  assert.deepEqual((await load('work_dir = "data"\n[listen.x]\naddress = "unix:x"')).listeners[1].address, { unix: "/etc/app/data/x" });
});

test("[listen.NAME]: mistakes are named with their place and what to do", async () => {
  const rows: [string, RegExp][] = [
    ["[listen.x]\nmax_clients = 5", /:1:9: listen\.x\.address: expected address, got nothing; write address = /],
    ['[listen.x]\naddress = ":9900"', /:2:11: listen\.x\.address: expected an address such as "127\.0\.0\.1:9900".*got ":9900"/],
    ['[listen.x]\naddress = "0.0.0.0:1"\nallow = ["control"]', /listen\.x.*expected a token_file.*0\.0\.0\.0:1.*other machines/],
    [
      '[listen.x]\naddress = "127.0.0.1:1"\nallow = ["control"]',
      /expected a token_file.*127\.0\.0\.1:1.*every program.*write token_file = /,
    ],
    ['[listen.x]\naddress = "localhost:1"\nallow = ["control"]', /expected a token_file/],
    ['[listen.x]\naddress = "unix:s"\nallow = ["control"]\nmode = "666"', /expected a token_file.*every user.*mode = "660"/],
    ['[listen.x]\naddress = "unix:s"\nmode = "060"', /listen\.x\.mode: expected permissions of a socket .*got "060"/],
    ['[listen.x]\naddress = "unix:s"\nmode = "rw"', /listen\.x\.mode: expected permissions/],
    ['[listen.x]\naddress = "unix:s"\ngroup = ""', /listen\.x\.group: expected the name or number of a group/],
    ['[listen.x]\naddress = "127.0.0.1:1"\nmode = "660"', /listen\.x\.mode: expected mode for unix sockets only/],
    ['[listen.admin]\nmode = "660"', /listen\.admin\.mode: expected only/],
    ['[listen.x]\naddress = "[::]:1"\nallow = ["control"]', /expected a token_file/],
    ['[listen.x]\naddress = "127.0.0.1:1"\nallow = []', /:3:9: listen\.x\.allow: expected at least one of health, metrics, control/],
    [
      '[listen.x]\naddress = "127.0.0.1:1"\nallow = ["helth"]',
      /listen\.x\.allow\[0\]: expected one of health, metrics, control, got "helth"/,
    ],
    ['[listen.x]\naddress = "127.0.0.1:1"\nmax_body = 0', /listen\.x\.max_body: expected a size above 0/],
    ['[listen.x]\naddress = "127.0.0.1:1"\nmax_clients = 0', /listen\.x\.max_clients: expected an integer from 1/],
    ['[listen.x]\nbind = "127.0.0.1:1"', /listen\.x\.bind: expected a known key, got "bind"; use address/],
    [
      '[listen.x]\naddress = "127.0.0.1:1"\n[listen.y]\naddress = "127.0.0.1:1"',
      /:4:11: listen\.y\.address: .*"127\.0\.0\.1:1", which listen\.x has/,
    ],
    ['[listen.x]\naddress = "unix:a/../b"\n[listen.y]\naddress = "unix:/etc/app/b"', /listen\.y\.address: .*which listen\.x has/],
    ['[listen.x]\naddress = "127.0.0.1:1"\n[listen.X]\naddress = "127.0.0.1:2"', /differs from "x" by more than case/],
    ['[listen.admin]\naddress = "127.0.0.1:1"', /:2:\d+: listen\.admin\.address: expected only max_body and max_clients for admin/],
    ['[listen.admin]\nallow = ["health"]', /listen\.admin\.allow: expected only/],
    ['[listen.Admin]\naddress = "127.0.0.1:1"', /expected admin in small letters/],
    [`[listen.x]\naddress = "unix:/${"a".repeat(100)}"`, /socket path of at most 100 bytes/],
    ['[listen."a/b"]\naddress = "127.0.0.1:1"', /the name /],
  ];
  for (const [text, message] of rows) {
    const { code, message: actual } = await refusal(text);
    assert.match(actual, message, text);
    assert.equal(code, "CONFIG_INVALID", text);
  }
  assert.equal((await refusal('[listen.x]\naddress = "127.0.0.1:1"\nallow = ["health", "submit"]')).code, "CONFIG_NOT_YET");
});

test("[listen.NAME]: control on a socket needs no token unless every user may open it; mode and group are kept", async () => {
  const listening = async (more: string) => (await load(`[listen.x]\naddress = "unix:s"\nallow = ["control"]\n${more}`)).listeners[1];
  const shown = async (more: string) => {
    const { mode, group } = await listening(more);
    return [mode, group];
  };
  assert.deepEqual(await shown(""), [undefined, undefined]);
  assert.deepEqual(await shown('mode = "660"'), [0o660, undefined]);
  assert.deepEqual(await shown("mode = 0o600"), [0o600, undefined]);
  assert.deepEqual(await shown('group = "ops"'), [0o660, "ops"]);
  assert.deepEqual(await shown('group = 12\nmode = "620"'), [0o620, 12]);
  assert.deepEqual(await shown('mode = "666"\ntoken_file = "t"'), [0o666, undefined]);
});
