/** Commands that are planned, by their first word, and what does for now; whoever calls one is not to be told that it is misspelt. */
export const LATER: Readonly<Record<string, string>> = {
  job: 'a service with `restart = "never"` runs once at each start',
  jobs: 'a service with `restart = "never"` runs once at each start',
  top: "`status --watch` shows units as they change",
  dashboard: "`status --watch` shows units as they change",
  doctor: "`validate` checks the file, `status` shows what runs",
  import: "`init` writes a file to begin with",
  install: "call `run` from a unit of the system's own service manager",
  uninstall: "remove what calls `run` from the system's own service manager",
};
