'use strict'
// Runs under any Node.js from 12 on and re-executes its arguments on the pinned runtime:
//   node bin/node.cjs FILE.ts [ARGUMENT…]
// npm installs that runtime as one of two optional dependencies, so no install script is needed.
const path = require('path')
const childProcess = require('child_process')

const MAJOR_MIN = 24
/** The programs idle most of the time and a Pi has little memory: a small young generation, and code that is kept small. */
const FLAGS = ['--max-semi-space-size=1', '--optimize-for-size', '--disable-warning=ExperimentalWarning', '--disable-warning=DEP0176']

function pinnedNode() {
  try {
    return path.join(path.dirname(require.resolve('node-linux-' + process.arch + '/package.json')), 'bin', 'node')
  } catch (error) {
    if (parseInt(process.versions.node, 10) >= MAJOR_MIN) return process.execPath
    console.error('bramble: needs Node.js ' + MAJOR_MIN + ' or newer; "npm ci" in ' + path.resolve(__dirname, '..') + ' installs it (64-bit Linux on arm64 or x64)')
    process.exit(1)
  }
}

function run(args, extra) {
  const node = pinnedNode()
  const argv = FLAGS.concat(args)
  const env = Object.assign({}, process.env, extra)
  if (typeof process.execve === 'function') process.execve(node, [node].concat(argv), env) // no parent left
  const child = childProcess.spawn(node, argv, { stdio: 'inherit', env: env })
  ;['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (name) { process.on(name, function () { child.kill(name) }) })
  child.on('exit', function (code, signal) { if (signal) process.kill(process.pid, signal); else process.exit(code) })
}

module.exports = { pinnedNode: pinnedNode, run: run, FLAGS: FLAGS }
if (require.main === module) run(process.argv.slice(2))
