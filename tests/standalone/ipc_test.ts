import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { ipc } from "../../mod.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { test } from "../harness.ts";

test("ipc: messages arrive whole and in order, in both directions, and the end is heard", async () => {
  using folder = tempDir();
  const path = `${folder.path}/a.sock`;
  const heard: unknown[] = [];
  const over = Promise.withResolvers<void>();
  using server = await ipc.serve(path, async (peer) => {
    for await (const message of peer) {
      heard.push(message);
      await peer.send({ echo: message });
    }
    over.resolve();
  });
  assert.equal(server.path, path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const messages = [1, "two", { three: [3, null] }, "x".repeat(300_000), ""];
  {
    await using peer = await ipc.connect(path);
    const sending = (async () => {
      for (const message of messages) await peer.send(message);
    })();
    for (const message of messages) assert.deepEqual(await peer.receive(), { echo: message });
    await sending;
  }
  await over.promise;
  assert.deepEqual(heard, messages);
});

test("ipc.serve replaces the socket of a crash, refuses a live one, and takes its file with it", async () => {
  using folder = tempDir();
  const path = `${folder.path}/a.sock`;
  writeFileSync(path, "");
  {
    using _server = await ipc.serve(path, () => {});
    await assert.rejects(ipc.serve(path, () => {}), { code: "IO_ADDRESS_IN_USE" });
  }
  assert.ok(!existsSync(path));
  await assert.rejects(ipc.connect(path), { code: "IO_NOT_FOUND" });
});

test("ipc: what is no message, or too long, ends one connection and no other", async () => {
  using folder = tempDir();
  const path = `${folder.path}/a.sock`;
  const failures: unknown[] = [];
  const failed = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  using _server = await ipc.serve(path, async (peer) => {
    try {
      for await (const message of peer) await peer.send(message);
    } catch (error) {
      failures.push((error as { code: string }).code);
      failed[failures.length - 1].resolve();
      throw error;
    }
  }, { maxBytes: 100 });
  await using good = await ipc.connect(path);
  const send = (bytes: Uint8Array) => {
    const socket = connectSocket({ path }, () => socket.end(bytes));
    socket.on("error", () => {}).resume();
  };
  send(new Uint8Array([0, 0, 0, 3, 1, 2, 3]));
  await failed[0].promise;
  send(new Uint8Array([255, 255, 255, 255]));
  await failed[1].promise;
  send(new Uint8Array([0, 0, 0, 9, 34]));
  await failed[2].promise;
  assert.deepEqual(failures, ["IPC_PROTOCOL", "IPC_PROTOCOL", "IPC_PROTOCOL"]);
  await good.send("still here");
  assert.equal(await good.receive(), "still here");
  await using small = await ipc.connect(path, { maxBytes: 10 });
  await assert.rejects(small.send("more than ten bytes"), { code: "IPC_PROTOCOL" });
  await assert.rejects(small.send(undefined), { code: "IPC_PROTOCOL" });
});

test("ipc: the end of the server ends its connections", async () => {
  using folder = tempDir();
  const path = `${folder.path}/a.sock`;
  const arrived = Promise.withResolvers<void>();
  const server = await ipc.serve(path, async (peer) => {
    arrived.resolve();
    await peer.receive();
  });
  await using peer = await ipc.connect(path);
  await arrived.promise;
  server[Symbol.dispose]();
  assert.equal(await peer.receive().catch((error) => error.code === "IPC_FAILED" ? undefined : error), undefined);
});

test("ipc refuses wrong arguments", async () => {
  await assert.rejects(ipc.serve(5 as never, () => {}), /"path" must be a text/);
  await assert.rejects(ipc.serve("x", 5 as never), /"onPeer" must be a function/);
  await assert.rejects(ipc.connect("x", { maxBytes: 0 }), /"maxBytes" must be an integer above 0/);
  await assert.rejects(ipc.connect("x", { max: 1 } as never), /"max" is no option/);
});
