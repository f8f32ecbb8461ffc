import assert from "node:assert/strict";
import type { Connection, Ipc } from "../../src/core/ports/ipc.ts";
import type { Files } from "../../src/core/ports/files.ts";
import { test } from "../harness.ts";
import { ioFailure } from "./files.ts";

/** Connections under test, and an empty folder for their sockets. */
export interface IpcUnderTest extends Disposable {
  ipc: Ipc;
  /** Absent where sockets are no files. */
  files?: Files;
  dir: string;
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** Reads to the end. */
async function rest(connection: Connection): Promise<string> {
  let text = "";
  for (let piece = await connection.read(); piece !== undefined; piece = await connection.read()) text += new TextDecoder().decode(piece);
  return text;
}

/** Both ends of a connection. */
async function pair({ ipc, dir }: IpcUnderTest): Promise<AsyncDisposable & { server: Connection; client: Connection }> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await ipc.listen(`${dir}/s`, accepted.resolve);
  const client = await ipc.connect(`${dir}/s`);
  const server = await accepted.promise;
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      server[Symbol.dispose]();
      listener[Symbol.dispose]();
      // Until both have noticed.
      await Promise.allSettled([client.read(), server.read()]);
    },
  };
}

/** Registers the tests that real and fake connections have to pass. */
export function exerciseIpc(name: string, make: () => Promise<IpcUnderTest>): void {
  test(`${name}: bytes arrive in order on both sides, and an end after them`, async () => {
    using under = await make();
    await using both = await pair(under);
    await both.client.write(bytes("to the server, "));
    await both.client.write(bytes("twice"));
    await both.server.write(bytes("to the client"));
    await both.client.end();
    assert.equal(await rest(both.server), "to the server, twice");
    await both.server.end();
    assert.equal(await rest(both.client), "to the client");
  });

  test(`${name}: who does not read makes the sender wait, and nothing is lost`, async () => {
    using under = await make();
    await using both = await pair(under);
    const piece = bytes("x".repeat(100_000));
    let written = 0;
    const writing = (async () => {
      for (; written < 100; written++) await both.client.write(piece);
      await both.client.end();
    })();
    // The first piece has come, and somewhere on the way it is full.
    let seen = (await both.server.read())!.length;
    assert.ok(written < 100);
    for (let next = await both.server.read(); next !== undefined; next = await both.server.read()) seen += next.length;
    await writing;
    assert.equal(seen, 100 * piece.length);
  });

  test(`${name}: to write to who has gone is refused`, async () => {
    using under = await make();
    await using both = await pair(under);
    both.server[Symbol.dispose]();
    assert.equal(await both.client.read().catch((error) => assert.ok(ioFailure("IPC_FAILED")(error))), undefined);
    await assert.rejects(both.client.write(bytes("x")), ioFailure("IPC_FAILED"));
    await both.client.end();
  });

  test(`${name}: nobody there is told by its code, and a listener that has gone leaves nothing behind`, async () => {
    using under = await make();
    const { ipc, files, dir } = under;
    await assert.rejects(ipc.connect(`${dir}/nobody`), ioFailure("IO_NOT_FOUND"));
    const listener = await ipc.listen(`${dir}/s`, () => {});
    if (files !== undefined) assert.deepEqual([files.info(`${dir}/s`)?.kind, files.info(`${dir}/s`)?.mode], ["socket", 0o600]);
    assert.equal(listener.hasFile(), true);
    // One that has taken its place is not removed with it.
    const next = await ipc.listen(`${dir}/s`, () => {});
    assert.deepEqual([listener.hasFile(), next.hasFile()], [false, true]);
    listener[Symbol.dispose]();
    assert.equal(next.hasFile(), true);
    next[Symbol.dispose]();
    await assert.rejects(ipc.connect(`${dir}/s`), ioFailure("IO_NOT_FOUND"));
    if (files !== undefined) {
      files.writeText(`${dir}/s`, "left behind by somebody");
      (await ipc.listen(`${dir}/s`, () => {}))[Symbol.dispose]();
      assert.equal(files.info(`${dir}/s`), undefined);
      await assert.rejects(ipc.listen(`${dir}/no/such/folder`, () => {}));
    }
  });
}
