import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { InstanceLock } from "../../mod.ts";
import { tempDir } from "../conformance/temp_dir.ts";
import { test } from "../harness.ts";
import { ROOT } from "../tools/runtimes.ts";

test("InstanceLock: another process is refused and told who has it; kill -9 of the holder frees it at once", async () => {
  using folder = tempDir();
  const path = `${folder.path}/app.lock`;
  const code = `import { InstanceLock } from ${JSON.stringify(`${ROOT}/mod.ts`)};
globalThis.lock = await InstanceLock.acquire(${JSON.stringify(path)});
console.log("held");
setInterval(() => {}, 1000);
`;
  const args = "Deno" in globalThis ? ["eval", code] : ["-e", code];
  const child = spawn(process.execPath, args, { cwd: folder.path, stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout!, "data");
    assert.equal(readFileSync(path, "utf8"), `${child.pid}\n`);
    assert.ok(await InstanceLock.isHeld(path));
    await assert.rejects(InstanceLock.acquire(path), { code: "LOCK_HELD", message: new RegExp(`process ${child.pid} holds it`) });
  } finally {
    process.kill(child.pid!, "SIGKILL");
    await once(child, "close");
  }
  assert.ok(!await InstanceLock.isHeld(path));
  using lock = await InstanceLock.acquire(path);
  assert.equal(lock.path, path);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
});

test("InstanceLock.isHeld makes no file, and a folder that is not there is said", async () => {
  using folder = tempDir();
  assert.equal(await InstanceLock.isHeld(`${folder.path}/none.lock`), false);
  await assert.rejects(InstanceLock.acquire(`${folder.path}/none/app.lock`), { code: "IO_NOT_FOUND" });
  await assert.rejects(InstanceLock.acquire(5 as never), /"path" must be a text/);
});
