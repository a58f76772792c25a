import type { Command } from 'commander'
import { SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { addSettings, givenSettings } from './setting-options.ts'
import { createToken, deleteToken, listTokens, type TokenFlags } from './token.ts'

const dataDirOnly = SERVER_SETTINGS.filter(({ name }) => name === 'data-dir')

/** `bramble token`: flags to functions, nothing else. */
export function addTokenCommand(program: Command): void {
  const token = program.command('token').description('join tokens: with one, a machine becomes a node')
  addSettings(token.command('create').description('create a token and print the line that joins a machine'), dataDirOnly)
    .option('--ttl <DURATION>', 'how long it is good: 30m, 24h, 7d', '24h')
    .option('--uses <N>', 'how many machines may join with it', '1')
    .option('--hostname <NAME>', 'only a node of this name may join with it; a board that had the name before gets it back')
    .option('--serial <HEX>', 'only the board with this serial number may join with it; all its digits, or the last eight')
    .option('--label <KEY=VALUE>', 'label of the node that joins with it; may be repeated', each)
    .option('--taint <KEY=VALUE:EFFECT>', 'taint of the node that joins with it; may be repeated', each)
    .option('--cidr <NETWORK>', 'it may be used from this network only, such as 192.168.1.0/24; may be repeated', each)
    .action((_options, command: Command) => createToken(givenSettings(command, dataDirOnly), command.opts<TokenFlags & object>()))
  addSettings(token.command('list').description('list tokens; their secrets are shown only when they are created'), dataDirOnly).action(
    (_options, command: Command) => listTokens(givenSettings(command, dataDirOnly)),
  )
  addSettings(
    token.command('delete').description('delete a token').argument('<id>', 'its id, as "token list" shows it'),
    dataDirOnly,
  ).action((id: string, _options, command: Command) => deleteToken(givenSettings(command, dataDirOnly), id))
}

const each = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]
