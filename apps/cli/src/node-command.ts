import type { Command } from 'commander'
import { SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { approveNode, denyNode, listNodes, removeNode } from './node.ts'
import { addSettings, givenSettings } from './setting-options.ts'

const dataDirOnly = SERVER_SETTINGS.filter(({ name }) => name === 'data-dir')

/** `bramble node`: flags to functions, nothing else. */
export function addNodeCommand(program: Command): void {
  const node = program.command('node').description('nodes, and devices that wait to be one')
  addSettings(node.command('list').description('list nodes and their boards, and devices that wait for approval'), dataDirOnly).action(
    (_options, command: Command) => listNodes(givenSettings(command, dataDirOnly)),
  )
  for (const { verb, text, act } of [
    { verb: 'approve', text: 'let a known board with a new card have its name back; its old card is locked out', act: approveNode },
    { verb: 'deny', text: 'refuse the device that waits for this name', act: denyNode },
    { verb: 'remove', text: 'remove a node for good: its device may not connect any more', act: removeNode },
  ])
    addSettings(node.command(verb).description(text).argument('<name>', 'as "node list" shows it'), dataDirOnly).action(
      (name: string, _options, command: Command) => act(givenSettings(command, dataDirOnly), name),
    )
}
