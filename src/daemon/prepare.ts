import { resolvePath } from "../core/paths.ts";
import { CancelToken } from "../core/cancel.ts";
import { messageOf } from "../core/errors.ts";
import type { Host } from "../core/host.ts";
import type { LogSink } from "../core/log.ts";
import type { LogLine } from "../core/operations.ts";
import { type Registration, registration } from "../core/registration.ts";
import { Supervisor, type SupervisorPorts } from "../core/supervisor.ts";
import { consoleLines, consoleSink, createLogger, fileSink } from "../log/mod.ts";
import { Neighbours, type Service, serviceSubsystems } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";
import type { RunOptions } from "./daemon.ts";
import type { LoadedConfig } from "./load.ts";
import { ConfigWatch } from "./config_watch.ts";
import { ownProcess } from "./own_process.ts";
import type { Recovery } from "./recovery.ts";
import { ServiceUnits } from "./service_units.ts";
import type { Session } from "./session.ts";
import { PROTOCOL, VERSION } from "./version.ts";

/**
 * Gets everything that a daemon needs from the machine, in order; the session's resources undo it in reverse: the process, the lock, the
 * log, the PID file, the listeners. Returns what the daemon runs.
 */
export async function prepare(session: Session, { ownsProcess, isControlled }: Required<RunOptions>): Promise<Registration[]> {
  const { plan, resources } = session;
  const host = session.host ??= await (await import("../platform/mod.ts")).getHost();
  const { config, loaded, pidFile } = plan;
  // Read before the daemon goes to its working folder, which would count twice otherwise.
  const cwd = host.process.cwd();
  const workDir = resolvePath(cwd, config.workDir ?? ".");

  if (ownsProcess) resources.use(ownProcess(session, host));
  const showLine = openLog(session, host, workDir, ownsProcess);
  const recovery = isControlled ? await takeInstance(session, host, workDir) : undefined;
  if (pidFile !== undefined) {
    const { pidFile: write } = await import("./instance.ts");
    resources.use(write(resolvePath(workDir, pidFile), host));
  }

  const publishLine = (line: Omit<LogLine, "seq">) => {
    session.lines.publish(line);
    showLine(line);
  };
  if (loaded !== undefined) watchConfig(session, host, loaded);
  else if (config.hotReload) session.log.warn("hot_reload does nothing: this daemon was not started from a file");

  const ports = {
    host,
    publishLine,
    daemonId: session.surroundings?.id ?? config.name,
    neighbours: resources.use(new Neighbours(host)),
    ...(recovery === undefined ? {} : { continuity: recovery }),
  };
  session.services = new ServiceUnits(ports);
  const { children } = session.services.change(loaded?.services ?? []);
  const services: Service[] = [...session.services.all()];
  for (const entry of plan.entries) {
    if ("make" in entry) session.others.push(entry.make(session));
    else if (!("service" in entry)) session.others.push(entry);
    else if (!loaded?.services.includes(entry.service)) {
      const spec: ServiceSpec = {
        ...entry.service,
        cwd: resolvePath(cwd, entry.service.cwd),
        envFiles: entry.service.envFiles.map(({ path, optional }) => ({ path: resolvePath(cwd, path), optional })),
      };
      const made = serviceSubsystems(spec, ports);
      services.push(...made);
      session.others.push(...made.map((subsystem) => registration(subsystem, "service")));
    }
  }
  // Before the first unit starts, nothing of it may run any more.
  await recovery?.settle(services, session.surroundings!.down);
  return [...children, ...session.others];
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

/** Takes the lock of this configuration file, or of this program, and opens its listeners, the control socket among them. */
async function takeInstance(session: Session, host: Host, workDir: string): Promise<Recovery> {
  const { resources, plan: { config, loaded } } = session;
  const stateDir = config.stateDir === undefined ? undefined : resolvePath(workDir, config.stateDir);
  const [
    { daemonFolders, prepareFolders },
    { acquireInstance, readOverrides, writeOverrides },
    { Recovery },
    { ADMIN_LISTENER, Listeners },
  ] = await Promise.all([
    import("./folders.ts"),
    import("./instance.ts"),
    import("./recovery.ts"),
    import("../control/mod.ts"),
  ]);
  const folders = prepareFolders(
    await daemonFolders({ name: config.name, configPath: loaded?.path ?? null, stateDir }, host),
    host,
  );
  const instance = resources.use(await acquireInstance(folders, host, { version: VERSION, protocol: PROTOCOL }));
  const recovery = resources.use(
    new Recovery({ folders, crashed: instance.crashed, host, log: session.log, limitMs: config.shutdown.timeoutMs }),
  );
  const { down, warning } = readOverrides(folders, host);
  if (warning !== undefined) session.log.warn(warning);
  let remembered = new Set(down);
  session.surroundings = {
    id: folders.id,
    continuity: recovery,
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

  // What listens has a supervisor of its own: it is there before the first unit and until the last one is down.
  const listeners = new Listeners({
    host,
    socket: folders.socket,
    specs: loaded?.listeners ?? [ADMIN_LISTENER],
    control: {
      operations: session.operations,
      version: VERSION,
      protocol: PROTOCOL,
      profiler: host.profiler,
      isMetricsEnabled: () => session.config.monitoring.enableMetrics,
    },
    log: session.log.child("control"),
  });
  const system = new Supervisor(silent(session), new CancelToken(), [registration(listeners, "listener")]);
  resources.defer(() => system.stop("the daemon ends"));
  await system.start();
  // They may refuse what a reload brings, so they come first.
  session.onApply(({ listeners: specs }) => listeners.apply(specs));
  return recovery;
}

/** Watches the configuration file for as long as the configuration in force says so. */
function watchConfig(session: Session, host: Host, first: LoadedConfig): void {
  const { files, watcher, clock } = host;
  let watch: Disposable | undefined;
  const apply = ({ config, path, fingerprint }: LoadedConfig) => {
    if (config.hotReload && path !== null) {
      watch ??= new ConfigWatch({
        files,
        watcher,
        clock,
        path,
        loaded: fingerprint,
        read: () => session.loaded!.look(),
        onChange: () => session.reloadUnasked("the file has changed"),
        onTrouble: (reason) => session.log.warn("changes of the configuration file may be seen late", { reason }),
      });
    } else {
      watch?.[Symbol.dispose]();
      watch = undefined;
    }
  };
  session.resources.defer(() => watch?.[Symbol.dispose]());
  session.onApply(apply);
  apply(first);
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
    failed: (_path, error) => session.log.error("the listeners are closed for good", { reason: messageOf(error), err: error }),
    report: (error) => session.report(error),
    requestShutdown: (reason, exitCode) => session.requestShutdown(reason, exitCode),
    remainingMs: () => session.remainingMs(),
    logger: (path) => session.logger(path),
    runAs: (path, fn) => session.runAs(path, fn),
  };
}
