import { resolvePath } from "../core/paths.ts";
import { CancelToken } from "../core/cancel.ts";
import { DaemonError, messageOf } from "../core/errors.ts";
import { MODULE_WORD } from "../core/module_protocol.ts";
import type { Host } from "../core/host.ts";
import type { LogSink } from "../core/log.ts";
import type { LogLine } from "../core/operations.ts";
import { type Registration, registration } from "../core/registration.ts";
import { Supervisor, type SupervisorPorts } from "../core/supervisor.ts";
import { consoleLines, consoleSink, createLogger, fileSink } from "../log/mod.ts";
import { ModuleHub, Neighbours, serviceSubsystems } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";
import type { RunOptions } from "./daemon.ts";
import type { LoadedConfig } from "./load.ts";
import { ownProcess } from "./own_process.ts";
import type { Session } from "./session.ts";
import { PROTOCOL, VERSION } from "./version.ts";

/**
 * Gets everything that a daemon needs from the machine, in order; the session's resources undo it in reverse: the process, the lock, the
 * log, the PID file, the control socket. Returns what the daemon runs.
 */
export async function prepare(session: Session, { ownsProcess }: Required<RunOptions>): Promise<Registration[]> {
  const { plan, resources } = session;
  const host = session.host ??= await (await import("../platform/mod.ts")).getHost();
  const { config, loaded, pidFile } = plan;
  // Otherwise a program that does not know the word would start its daemon once more inside each of its modules.
  if (host.process.args[0] === MODULE_WORD) {
    const message = "Cannot start a daemon as this process is to run a module: hand the program's arguments to runCli";
    // The log is not open yet, and what is printed here is read by the daemon that has started the process.
    host.terminal.write(2, `${message}\n`);
    throw new DaemonError("RUNTIME_STATE", message);
  }
  // Read before the daemon goes to its working folder, which would count twice otherwise.
  const cwd = host.process.cwd();
  const workDir = resolvePath(cwd, config.workDir ?? ".");

  if (ownsProcess) resources.use(ownProcess(session, host));
  const showLine = openLog(session, host, workDir, ownsProcess);
  if (loaded !== undefined) await takeInstance(session, host, loaded);
  if (pidFile !== undefined) {
    const { pidFile: write } = await import("./instance.ts");
    resources.use(write(resolvePath(workDir, pidFile), host));
  }

  const publishLine = (line: Omit<LogLine, "seq">) => {
    session.lines.publish(line);
    showLine(line);
  };
  const daemonId = session.surroundings?.id ?? config.name;
  const socket = session.surroundings?.moduleSocket ?? `${host.files.tempDir}/daemonkit-${host.secret()}`;
  const modules = resources.use(new ModuleHub({ host, socket }));
  const ports = { host, publishLine, daemonId, neighbours: resources.use(new Neighbours(host)), modules };
  return plan.entries.flatMap((entry) => {
    if ("make" in entry) return [entry.make(session)];
    if (!("service" in entry)) return [entry];
    const spec: ServiceSpec = {
      ...entry.service,
      cwd: resolvePath(cwd, entry.service.cwd),
      module: entry.service.module === undefined ? undefined : resolvePath(cwd, entry.service.module),
      envFiles: entry.service.envFiles.map(({ path, optional }) => ({ path: resolvePath(cwd, path), optional })),
    };
    return serviceSubsystems(spec, ports).map((subsystem) => registration(subsystem, "service"));
  });
}

/** Opens the log: the given sink, or the console when the process is ours, and the file where one is configured. */
function openLog(session: Session, host: Host, workDir: string, ownsProcess: boolean): (line: Omit<LogLine, "seq">) => void {
  const { plan: { config, sink, entries }, resources, clock } = session;
  const { terminal, files } = host;
  const sinks: LogSink[] = [];
  const color = config.logging.color && terminal.isTerminal(2) && !host.env.get("NO_COLOR");
  if (sink !== undefined) sinks.push(sink);
  else if (ownsProcess) sinks.push(consoleSink({ terminal, fd: 2, json: config.logging.json, color }));
  if (config.logging.file !== undefined) {
    const { json, maxFileSize, maxFiles } = config.logging;
    const file = fileSink({
      files,
      clock,
      path: resolvePath(workDir, config.logging.file),
      json,
      maxFileSize,
      maxFiles,
      onDrop: (dropped, error) => void terminal.write(2, `daemonkit: ${dropped} log records were dropped: ${messageOf(error)}\n`),
    });
    sinks.push(file.write);
    resources.use(file);
    session.onReopenLogs(() => file.reopen());
  }
  if (sinks.length > 0) session.log = createLogger({ level: config.logging.level, name: config.name, clock, sinks });
  if (!ownsProcess) return () => {};
  const names = entries.flatMap((entry) => "service" in entry ? [entry.service.name] : []);
  const colorLines = config.logging.color && terminal.isTerminal(1) && !host.env.get("NO_COLOR");
  return consoleLines({ terminal, color: colorLines, json: config.logging.json, names });
}

/** Takes the lock of this configuration file and opens its control socket. */
async function takeInstance(session: Session, host: Host, loaded: LoadedConfig): Promise<void> {
  const { resources, plan: { config } } = session;
  const [{ daemonFolders, prepareFolders }, { acquireInstance, readOverrides, writeOverrides }, { controlHandler, controlSubsystem }] =
    await Promise.all([
      import("./folders.ts"),
      import("./instance.ts"),
      import("../control/mod.ts"),
    ]);
  const folders = prepareFolders(
    await daemonFolders({ name: config.name, configPath: loaded.path, stateDir: config.stateDir }, host),
    host,
  );
  resources.use(await acquireInstance(folders, host, { version: VERSION, protocol: PROTOCOL }));
  const { down, warning } = readOverrides(folders, host);
  if (warning !== undefined) session.log.warn(warning);
  let remembered = new Set(down);
  session.surroundings = {
    id: folders.id,
    moduleSocket: `${folders.run}/ipc.sock`,
    get down() {
      return remembered;
    },
    rememberDown(names) {
      remembered = new Set(names);
      try {
        writeOverrides(folders, host, remembered);
      } catch (error) {
        // A full disk must not keep anybody from stopping what fills it.
        session.log.error("manual stops and starts will be forgotten when the daemon ends", { reason: messageOf(error), err: error });
      }
    },
  };

  // The control socket has a supervisor of its own: it is there before the first unit and until the last one is down.
  const handler = controlHandler({
    operations: session.operations,
    version: VERSION,
    protocol: PROTOCOL,
    log: session.log.child("control"),
  });
  const control = registration(controlSubsystem({ host, socket: folders.socket, handler }), "listener");
  const system = new Supervisor(silent(session), new CancelToken(), [control]);
  resources.defer(() => system.stop("the daemon ends"));
  await system.start();
}

/** The session's ports without its events: what listeners do is no news about the units. */
function silent(session: Session): SupervisorPorts {
  const { clock, deadlines, random } = session;
  return {
    clock,
    deadlines,
    random,
    isObserved: () => false,
    emit: () => {},
    failed: (_path, error) => session.log.error("the control socket is closed for good", { reason: messageOf(error), err: error }),
    report: (error) => session.report(error),
    requestShutdown: (reason, exitCode) => session.requestShutdown(reason, exitCode),
    remainingMs: () => session.remainingMs(),
    logger: (path) => session.logger(path),
    runAs: (path, fn) => session.runAs(path, fn),
  };
}
