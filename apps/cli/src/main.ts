import { resolve } from 'node:path'
import { Command } from 'commander'
import { AGENT_SETTINGS } from '../../node-agent/src/config.ts'
import { CRI_SETTINGS } from '../../node-agent/src/cri-config.ts'
import { SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { down } from './down.ts'
import { EXIT_USAGE, fail } from './fail.ts'
import { addFlashCommand } from './flash.ts'
import { addImageCommand } from './image.ts'
import { addJoinCommand } from './join.ts'
import { kubeconfig } from './kubeconfig.ts'
import { addLeaveCommand } from './leave.ts'
import { becomeProgram } from './programs.ts'
import { addReleaseCommand } from './release.ts'
import { addNodeCommand } from './node-command.ts'
import { reset } from './reset.ts'
import { addSettings, givenSettings } from './setting-options.ts'
import { status } from './show-status.ts'
import { shutDown } from './shut-down.ts'
import { addTokenCommand } from './token-command.ts'
import { up } from './up.ts'
import { addUpgradeCommand } from './upgrade.ts'
import { VERSION } from './version.ts'

/** Settings of both programs, each name once: what `bramble up` takes. */
const ALL_SETTINGS = [...SERVER_SETTINGS, ...AGENT_SETTINGS.filter(({ name }) => !SERVER_SETTINGS.some((setting) => setting.name === name))]
const dataDirOnly = SERVER_SETTINGS.filter(({ name }) => name === 'data-dir')

const program = new Command('bramble')
  .description('Turns a drawer of Raspberry Pis into one Kubernetes-compatible cluster.')
  .version(VERSION, '-V, --version', 'print the version')
  .showHelpAfterError('(see --help)')
  .enablePositionalOptions() // `bramble upgrade --version` is not `bramble --version`
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE))

addSettings(
  program.command('up').description('start control plane and agent on this machine; returns when the node is Ready'),
  ALL_SETTINGS,
)
  .option('--foreground', 'stay, and stop both programs on Ctrl-C', false)
  .action((_options, command: Command) => up(givenSettings(command, ALL_SETTINGS), command.opts<{ foreground: boolean }>().foreground))

addSettings(program.command('down').description('stop the programs on this machine; pods go on running'), dataDirOnly)
  .option('--rm', 'take the pods down too', false)
  .action((_options, command: Command) => down(givenSettings(command, dataDirOnly), command.opts<{ rm: boolean }>().rm))

addSettings(
  program.command('status').description('say what runs here and which nodes are Ready; exit code 3 when something is not'),
  dataDirOnly,
).action((_options, command: Command) => status(givenSettings(command, dataDirOnly)))

addSettings(program.command('server').description('run the control plane'), SERVER_SETTINGS)
  .option('--restore <FILE>', 'put a copy of the store in its place, and end; copies are in PATH/server/backups')
  .action((_options, command: Command) => {
    const { restore } = command.opts<{ restore?: string }>()
    const environment: Record<string, string> = restore === undefined ? {} : { BRAMBLE_RESTORE: resolve(restore) }
    becomeProgram('control-plane', givenSettings(command, SERVER_SETTINGS), environment)
  })

addSettings(program.command('agent').description('run the agent of this node; joins with a token the first time'), AGENT_SETTINGS)
  .option('--shutdown', 'tell the agent that runs here that the machine goes down; returns when its pods have ended', false)
  .option('--check', 'say whether this machine has what pods need, and what to do; exit code 1 when it has not', false)
  .option('--fix', 'mend what --check finds, as far as that can be done, and say what was done', false)
  .action((_options, command: Command) => {
    const { shutdown, check, fix } = command.opts<{ shutdown: boolean; check: boolean; fix: boolean }>()
    if (shutdown) return shutDown()
    const environment: Record<string, string> = check || fix ? { BRAMBLE_CHECK: fix ? 'fix' : 'check' } : {}
    becomeProgram('node-agent', givenSettings(command, AGENT_SETTINGS), environment)
  })

addSettings(
  program.command('cri').description('serve Podman to kubelets and crictl, as a CRI runtime on a unix socket; containers outlive it'),
  CRI_SETTINGS,
).action((_options, command: Command) => becomeProgram('cri', givenSettings(command, CRI_SETTINGS)))

addImageCommand(program)
addFlashCommand(program)
addJoinCommand(program)
addLeaveCommand(program)

addTokenCommand(program)
addNodeCommand(program)
addReleaseCommand(program)
addUpgradeCommand(program)

addSettings(program.command('kubeconfig').description('print an admin kubeconfig (it holds a private key)'), dataDirOnly).action(
  (_options, command: Command) => kubeconfig(givenSettings(command, dataDirOnly)),
)

addSettings(
  program.command('reset').description('remove every container, rule, route and file that Bramble made on this machine'),
  AGENT_SETTINGS,
)
  .option('--yes', 'do not ask', false)
  .action((_options, command: Command) => reset(givenSettings(command, AGENT_SETTINGS), command.opts<{ yes: boolean }>().yes))

program
  .command('version')
  .description('print the version')
  .action(() => console.log(VERSION))

try {
  await program.parseAsync()
} catch (error) {
  fail(error as Error)
}
