'use strict'
// What "npm start", "npm stop", "npm test" and the like run: sets up what is missing, then does the job. Works under Node.js 20
// with nothing installed; each step is skipped when it is done already.
const childProcess = require('child_process')
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')

const root = path.resolve(__dirname, '..')
const job = process.argv[2]
const extra = process.argv.slice(3)

/** Debian packages, each with its reason. */
const PACKAGES = {
  run: {
    podman: 'runs the containers', conmon: 'watches them', crun: 'starts them', runc: 'starts them where crun cannot (cgroup v1)',
    'containernetworking-plugins': 'plugs pods into the network', iptables: 'routes Services', conntrack: 'drops stale UDP flows',
    iproute2: 'routes and network namespaces', 'util-linux': 'unshare and nsenter', procps: 'sysctl', 'busybox-static': 'the hello image',
    'ca-certificates': 'pulls from registries',
  },
  test: {
    catatonit: 'first process of a test host', curl: 'asks Services', faketime: 'machines without a clock', openssl: 'checks certificates', shellcheck: 'reads the scripts of nodes', 'netcat-openbsd': 'asks UDP Services',
    containerd: 'the other container runtime', mmdebstrap: 'a clean Debian for the installer', 'docker-registry': 'images to pull', prometheus: 'reads /metrics', 'python3-kubernetes': 'the Python client, one of those that must work with us',
    mtools: 'reads the boot partitions of cards', dosfstools: 'makes and checks them', fdisk: 'makes their partitions', e2fsprogs: 'file systems that are in use', 'xz-utils': 'packs images',
    zstd: 'packs images',
  },
  qemu: {
    'qemu-system-arm': 'a machine much like a Raspberry Pi', 'qemu-system-x86': 'one much like a PC', 'qemu-user-static': 'runs programs of arm64 while an image is built',
    'binfmt-support': 'finds it', mmdebstrap: 'makes a tree of Debian packages', mtools: 'fills and reads boot partitions', dosfstools: 'makes and checks them',
    fdisk: 'sfdisk makes the partitions', e2fsprogs: 'makes the root', 'openssh-client': 'looks into the machines',
  },
  release: {
    'binutils-aarch64-linux-gnu': 'makes programs for arm64 smaller', 'binutils-x86-64-linux-gnu': 'makes programs for x64 smaller',
    'debian-archive-keyring': 'verifies packages of Debian', zstd: 'unpacks releases',
  },
}

function say(text) { console.log('bramble: ' + text) }
function run(file, args, options) {
  const done = childProcess.spawnSync(file, args, Object.assign({ stdio: 'inherit', cwd: root }, options))
  if (done.error) throw new Error(file + ': ' + done.error.message)
  if (done.status !== 0) throw new Error(file + ' ' + args.join(' ') + ' failed (' + (done.status === null ? done.signal : done.status) + ')')
}

/** npm's packages, as the lockfile says. */
function installModules() {
  const stamp = path.join(root, 'node_modules', '.bramble-lock')
  const lock = crypto.createHash('sha256').update(fs.readFileSync(path.join(root, 'package-lock.json'))).digest('hex')
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lock) return
  say('installing npm packages (npm ci)')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  fs.writeFileSync(stamp, lock)
}

/** The linter has packages for platforms that not every registry holds, so it stands outside the lockfile. */
function installTools() {
  if (fs.existsSync(path.join(root, 'tools', 'node_modules', '@biomejs', 'biome'))) return
  say('installing the linter (npm install in tools/)')
  run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'], { cwd: path.join(root, 'tools') })
}

function isInstalled(name) {
  const asked = childProcess.spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' })
  return asked.status === 0 && asked.stdout === 'installed'
}

function installPackages(wanted) {
  if (childProcess.spawnSync('dpkg-query', ['--version']).status !== 0) {
    say('this is no Debian: make sure that these are installed: ' + Object.keys(wanted).join(' '))
    return
  }
  const missing = Object.keys(wanted).filter(function (name) { return !isInstalled(name) })
  if (missing.length === 0) return
  if (process.getuid() !== 0) throw new Error('these Debian packages are missing: ' + missing.join(' ') + '; run this as root, or: sudo apt-get install ' + missing.join(' '))
  missing.forEach(function (name) { say('installing ' + name + ': ' + wanted[name]) })
  const env = Object.assign({}, process.env, { DEBIAN_FRONTEND: 'noninteractive' })
  const install = ['-qq', '-y', '-o', 'Dpkg::Use-Pty=0', 'install', '--no-install-recommends'].concat(missing)
  const quiet = { env: env, stdio: ['ignore', 'ignore', 'inherit'] }
  run('apt-get', ['-qq', 'update'], quiet)
  run('apt-get', install, quiet)
}

/** One that is there, such as Docker's, stays: Debian's would take its place. */
function withoutPresent(wanted) {
  if (childProcess.spawnSync('containerd', ['--version']).error) return wanted
  const others = Object.assign({}, wanted)
  delete others.containerd
  return others
}

/** A kubectl that is there already is better than Debian's old one. */
function withKubectl(wanted) {
  return childProcess.spawnSync('kubectl', ['version', '--client']).error ? Object.assign({ 'kubernetes-client': 'kubectl' }, wanted) : wanted
}

function pinned(args, options) { run(process.execPath, [path.join(root, 'bin', 'node.cjs')].concat(args), options) }

/** Emulated machines that hang must not hang whoever waits for them. */
const QEMU_MS_MAX = 20 * 60000

const jobs = {
  start: function () {
    installModules()
    installPackages(withKubectl(PACKAGES.run))
    pinned(['tools/generate.ts'])
    pinned(['tools/bundle.ts'])
    pinned(['tools/images/build.ts'])
    pinned(['apps/cli/src/main.ts', 'up'].concat(extra))
  },
  stop: function () { pinned(['apps/cli/src/main.ts', 'down'].concat(extra)) },
  test: function () {
    installModules()
    installTools()
    installPackages(withKubectl(withoutPresent(Object.assign({}, PACKAGES.run, PACKAGES.test, PACKAGES.release))))
    pinned(['tools/generate.ts'])
    pinned(['tools/bundle.ts'])
    pinned(['tools/test.ts', 'all'].concat(extra))
  },
  'test:provisioning': function () {
    installModules()
    installPackages(withKubectl(withoutPresent(Object.assign({}, PACKAGES.run, PACKAGES.test, PACKAGES.release))))
    pinned(['tools/generate.ts'])
    pinned(['tools/bundle.ts'])
    pinned(['tools/test.ts', 'provisioning'].concat(extra))
  },
  'test:qemu': function () {
    installModules()
    installPackages(withKubectl(Object.assign({}, PACKAGES.run, PACKAGES.release, PACKAGES.qemu)))
    pinned(['tools/generate.ts'])
    pinned(['tools/bundle.ts'])
    pinned(['tools/test.ts', 'qemu'].concat(extra), { timeout: QEMU_MS_MAX })
  },
  release: function () {
    installModules()
    installPackages(PACKAGES.release)
    pinned(['tools/generate.ts'])
    pinned(['tools/release/release.ts'].concat(extra))
  },
}

try {
  if (!jobs[job]) throw new Error('usage: node bin/setup.cjs start|stop|test|test:provisioning|test:qemu|release')
  jobs[job]()
} catch (error) {
  console.error('bramble: ' + error.message)
  process.exit(1)
}
