// The layers below ours, out of the files of this machine: a small Debian's worth of programs, Git, Node.js, Python.
// They stand in for what the Dockerfile installs; programs and libraries lie where they lie here.
import { spawnSync } from "node:child_process";
import { existsSync, readlinkSync, realpathSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { complete, file, folder, link, placed, text, tree } from "./entries.mjs";

/** Of the user in the image: nobody's, so that the restricted standard for pods takes it. */
export const USER = 10_001;
/** What scripts and people in a pod expect; the shell is what steps are run with. */
const PROGRAMS = [
  ..."sh bash env cat chmod cp cut date df dirname du echo expr false find grep gzip head hostname id kill ln".split(
    " ",
  ),
  ..."ls mkdir mktemp mv nproc ps pwd readlink realpath rm rmdir sed seq sleep sort stat tail tar tee test".split(
    " ",
  ),
  ..."timeout touch tr true uname uniq wc which xargs".split(" "),
];
const MERGED = ["/bin", "/sbin", "/lib", "/lib64"];
const ASK_PYTHON =
  "import ensurepip, json, os, ssl, sys, sysconfig, venv; print(json.dumps([sys.executable, sys.base_prefix, " +
  "sysconfig.get_path('stdlib'), sysconfig.get_config_var('WHEEL_PKG_DIR')]))";
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** Of a library; for a computer that only runs it. */
const NOT_RUN =
  /(^|\/)(__pycache__\/.*\.opt-\d\.pyc|test|tests|idlelib|tkinter|turtledemo|lib2to3|config-[^/]*)$/;

/** `{ name, entries }` of each layer, the one that changes least first. Throws with what is missing. */
export function machineLayers() {
  if (process.platform !== "linux")
    throw new Error(
      "an image is made of this machine's own programs, so that takes Linux; build the Dockerfile instead",
    );
  const python = findPython();
  const layers = [
    { name: "base and Git", entries: [...base(), ...PROGRAMS.flatMap(programIfThere), ...git()] },
    { name: "Node.js", entries: program(process.execPath, "/usr/local/bin/node") },
    { name: "Python", entries: [...pythonFiles(python), ...uv()] },
  ];
  return layers.map(({ name, entries }) => ({ name, entries: complete(entries) }));
}

function base() {
  if (!existsSync(CERTIFICATES))
    throw new Error(`${CERTIFICATES} isn't there: apt-get install ca-certificates`);
  return [
    ...merged(),
    ...["/dev", "/proc", "/sys", "/run", "/usr/bin", "/usr/sbin", "/opt"].map((path) => folder(path)),
    folder("/tmp", { mode: 0o1777 }),
    folder("/var/tmp", { mode: 0o1777 }),
    folder("/var/lib/slipway", { uid: USER }),
    text("/etc/passwd", `root:x:0:0:root:/root:/bin/sh\nslipway:x:${USER}:${USER}:Slipway:/tmp:/bin/sh\n`),
    text("/etc/group", `root:x:0:\nslipway:x:${USER}:\n`),
    text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    file(CERTIFICATES, CERTIFICATES),
  ];
}

/** Links such as /lib64, by which programs name their linker. */
export function merged() {
  return MERGED.filter((path) => isLink(path)).map((path) => link(path, readlinkSync(path)));
}

function isLink(path) {
  return existsSync(path) && realpathSync(path) !== path;
}

/** A program with the libraries that the linker finds for it. */
export function program(source, path = placed(source)) {
  return [file(path, source), ...libraries([source])];
}

function programIfThere(name) {
  const found = which(name);
  return found === undefined ? [] : program(found);
}

/** First of that name below PATH; a login's own folders don't count, those of the system do. */
function which(name, path = `/usr/bin${delimiter}/bin${delimiter}/usr/local/bin`) {
  return path
    .split(delimiter)
    .map((at) => join(at, name))
    .find((at) => existsSync(at));
}

/** What the linker finds for programs and libraries, but for what lies beside them. */
export function libraries(sources, beside = undefined) {
  const { stdout, error } = spawnSync("ldd", sources, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  if (error)
    throw new Error("`ldd` names a program's libraries and could not be started: apt-get install libc-bin");
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined) throw new Error(`${sources.join(" ")}: this machine has no ${missing}`);
  const paths = [...stdout.matchAll(/(\/\S+\.so\S*)(?= \(0x)/g)].map(([, path]) => path);
  return [...new Set(paths)]
    .filter((path) => beside === undefined || !realpathSync(path).startsWith(`${realpathSync(beside)}/`))
    .map((path) => file(placed(path), path));
}

/** Git with what it calls, to fetch over HTTP too. */
export function git() {
  const found = which("git");
  if (found === undefined) throw new Error("Git isn't there: apt-get install git");
  const { stdout } = spawnSync(found, ["--exec-path"], { encoding: "utf8" });
  const core = stdout.trim();
  const templates = "/usr/share/git-core/templates";
  const remote = join(core, "git-remote-http");
  return [
    ...program(found),
    ...tree(core, core),
    ...(existsSync(remote) ? libraries([remote]) : []),
    ...(existsSync(templates) ? tree(templates, templates) : []),
  ];
}

/**
 * Debian's own where it can make environments, as in the Dockerfile; else the first in PATH. SLIPWAY_IMAGE_PYTHON names
 * another one.
 */
function findPython() {
  const named = process.env.SLIPWAY_IMAGE_PYTHON;
  const wanted = named ? [named] : ["/usr/bin/python3", "python3"];
  for (const one of wanted) {
    const { status, stdout } = spawnSync(one, ["-I", "-c", ASK_PYTHON], { encoding: "utf8" });
    if (status !== 0) continue;
    const [executable, prefix, library, wheels] = JSON.parse(stdout);
    return { executable: realpathSync(executable), prefix, library, wheels };
  }
  throw new Error(
    `no Python that makes environments (${wanted.join(", ")}): apt-get install python3 python3-venv, ` +
      "or name one in SLIPWAY_IMAGE_PYTHON",
  );
}

/** One that isn't the system's finds its library from where it lies itself, so it goes to /usr/local. */
function pythonFiles({ executable, prefix, library, wheels }) {
  const to = prefix === "/usr" ? "/usr" : "/usr/local";
  const at = (path) => join(to, relative(prefix, path));
  const bin = at(executable);
  const keeps = (path) =>
    !NOT_RUN.test(path) &&
    !/^site-packages\/.|^dist-packages\/.|\.a$/.test(path) &&
    !path.endsWith(".opt-1.pyc");
  const files = [...program(executable, bin), ...tree(at(library), library, keeps)];
  const modules = files
    .filter(({ type, path }) => type === "file" && path.endsWith(".so"))
    .map((it) => it.source);
  const all = [...files, ...(modules.length > 0 ? libraries(modules) : [])];
  const stray = all.find((entry) => entry.path.startsWith(prefix) && to !== "/usr" && entry.type === "file");
  if (stray !== undefined)
    throw new Error(
      `${executable} needs ${stray.path}, which the image's linker wouldn't find: name another one in SLIPWAY_IMAGE_PYTHON`,
    );
  return [
    ...all,
    ...["python3", "python"].map((name) => link(join(to, "bin", name), bin)),
    ...(wheels ? tree(wheels, wheels) : []),
  ];
}

/** Makes environments in a tenth of pip's time; the platform takes pip where it isn't. */
function uv() {
  const own = join(dirname(dirname(import.meta.dirname)), ".venv", "bin", "uv");
  const found = [which("uv", process.env.PATH), existsSync(own) ? own : undefined].find(Boolean);
  return found === undefined ? [] : program(found, "/usr/local/bin/uv");
}
