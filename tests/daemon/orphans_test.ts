import assert from "node:assert/strict";
import { IoError } from "../../src/core/values/errors.ts";
import { test } from "../harness.ts";
import { Rig } from "./rig.ts";

/** Messages at the start of a daemon whose process can't be the parent of orphans. */
async function said({ isInit = false, canLook = true }: { isInit?: boolean; canLook?: boolean }): Promise<string> {
  const rig = new Rig().program("serve", () => {});
  const { processes } = rig.host;
  processes.adoptOrphans = () => ({ lack: "no permission", isInit, [Symbol.dispose]() {} });
  if (!canLook) {
    processes.census = () => {
      throw new IoError("IO_DENIED", "Cannot look");
    };
  }
  await rig.run(`[service.x]\nrun = ["serve"]`);
  await rig.stop();
  return rig.host.terminal.stderr;
}

test("A daemon says once at its start what it can't find of its services, and that process 1 needs an init", async () => {
  assert.match(await said({}), /found by its group, its session and its mark only.*reason="no permission"/);
  assert.match(
    await said({ canLook: false }),
    /has left the process group of its service is not found, as the process table can't be read/,
  );
  assert.match(await said({ isInit: true }), /WARN .*can't wait for the orphans that it gets.*docker run --init/);
});
