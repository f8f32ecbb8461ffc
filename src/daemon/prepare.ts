import { resolvePath } from "../core/paths.ts";
import { CancelToken } from "../core/cancel.ts";
import { messageOf } from "../core/errors.ts";
import type { Host } from "../core/host.ts";
import { type Registration, registration } from "../core/registration.ts";
import { Supervisor, type SupervisorPorts } from "../core/supervisor.ts";
import { serviceSubsystems, unitNames } from "../service/mod.ts";
import type { ServiceSpec } from "../service/spec.ts";
import type { RunOptions } from "./daemon.ts";
import { DaemonLog } from "./daemon_log.ts";
import type { DaemonFolders } from "./folders.ts";
import type { LoadedConfig } from "./load.ts";
import { ownProcess } from "./own_process.ts";
import { ServiceLogs } from "./service_logs.ts";
import type { Session } from "./session.ts";
import { PROTOCOL, VERSION } from "./version.ts";

/**
 * Gets everything that a daemon needs from the machine, in order; the session's resources undo it in reverse: the process, the lock, the
 * logs, the control socket, the PID file. Returns what the daemon runs.
 */
export async function prepare(session: Session, { ownsProcess, isBackground }: Required<RunOptions>): Promise<Registration[]> {
  const { plan, resources } = session;
  const host = session.host ??= await (await import("../platform/mod.ts")).getHost();
  const { config, loaded, pidFile } = plan;
  // Read before the daemon goes to its working folder, which would count twice otherwise.
  const cwd = host.process.cwd();
  const workDir = resolvePath(cwd, config.workDir ?? ".");

  if (ownsProcess) resources.use(ownProcess(session, host));
  // The lock comes first, so that a second daemon of this configuration leaves the logs of the first one alone.
  const folders = loaded === undefined ? undefined : await takeLock(session, host, loaded);
  const services = plan.entries.flatMap((entry) => "service" in entry ? [entry.service] : []);
  const state = isBackground ? folders?.state : undefined;
  const daemonLog = resources.use(
    new DaemonLog({
      host,
      clock: session.clock,
      sink: plan.sink,
      hasConsole: ownsProcess && state === undefined,
      resolve: (path) => resolvePath(workDir, path),
      file: state && `${state}/daemon.log`,
      names: services.flatMap(unitNames),
    }, config),
  );
  // A daemon that is to be read again may be told to log only then.
  if (daemonLog.isUsed || loaded !== undefined) session.log = daemonLog.log;
  const serviceLogs = resources.use(
    new ServiceLogs({
      files: host.files,
      clock: session.clock,
      log: session.log,
      lines: session.lines,
      show: daemonLog.showLines,
      resolve: (path) => resolvePath(cwd, path),
      folder: state && `${state}/logs`,
    }, services),
  );
  session.useLogs(daemonLog, serviceLogs);
  if (folders !== undefined) await openControl(session, host, folders);
  if (pidFile !== undefined) {
    const { pidFile: write } = await import("./instance.ts");
    resources.use(write(resolvePath(workDir, pidFile), host));
  }

  const daemonId = session.surroundings?.id ?? config.name;
  return plan.entries.flatMap((entry) => {
    if ("make" in entry) return [entry.make(session)];
    if (!("service" in entry)) return [entry];
    const spec: ServiceSpec = {
      ...entry.service,
      cwd: resolvePath(cwd, entry.service.cwd),
      envFiles: entry.service.envFiles.map(({ path, optional }) => ({ path: resolvePath(cwd, path), optional })),
    };
    return serviceSubsystems(spec, { host, logs: serviceLogs, daemonId }).map((subsystem) => registration(subsystem, "service"));
  });
}

/** Takes the lock of this configuration file; returns the folders of its daemon. */
async function takeLock(session: Session, host: Host, loaded: LoadedConfig): Promise<DaemonFolders> {
  const { resources, plan: { config } } = session;
  const [{ daemonFolders, prepareFolders }, { acquireInstance }] = await Promise.all([import("./folders.ts"), import("./instance.ts")]);
  const folders = prepareFolders(
    await daemonFolders({ name: config.name, configPath: loaded.path, stateDir: config.stateDir }, host),
    host,
  );
  resources.use(await acquireInstance(folders, host, { version: VERSION, protocol: PROTOCOL }));
  return folders;
}

/** Reads the memory of manual stops, and opens the control socket. */
async function openControl(session: Session, host: Host, folders: DaemonFolders): Promise<void> {
  const { resources } = session;
  const [{ readOverrides, writeOverrides }, { controlHandler, controlSubsystem }] = await Promise.all([
    import("./instance.ts"),
    import("../control/mod.ts"),
  ]);
  const { down, warning } = readOverrides(folders, host);
  if (warning !== undefined) session.log.warn(warning);
  let remembered = new Set(down);
  session.surroundings = {
    id: folders.id,
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
