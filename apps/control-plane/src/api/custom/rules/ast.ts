import { charge, weigh } from './budget.ts'
import { presence } from './presence.ts'

/** The library's syntax tree, as far as we look into it. */
export interface Node {
  readonly op: string
  readonly args: unknown
  readonly input: string
  readonly pos: number
  readonly start: number
  readonly end: number
  readonly meta: { readonly alternate?: Node; readonly macro?: object }
  handle?: (...args: unknown[]) => unknown
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'op' in value && 'meta' in value

/** Every node, those that macros made included. */
export function nodesOf(root: Node): readonly Node[] {
  const found = new Set<Node>()
  const seen = new Set<object>()
  const pending: unknown[] = [root]
  while (pending.length > 0) {
    const value = pending.pop()
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    if (isNode(value)) {
      found.add(value)
      pending.push(value.args, value.meta.alternate, value.meta.macro)
    } else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) pending.push(...Object.values(value))
  }
  return [...found]
}

/** Functions that the library has, but not as Kubernetes has them: rules get ours, by this name. */
export const OURS = 'k8s_'

const REPLACED: ReadonlySet<string> = new Set([
  'charAt',
  'find',
  'findAll',
  'getDayOfYear',
  'indexOf',
  'join',
  'lastIndexOf',
  'lowerAscii',
  'matches',
  'replace',
  'split',
  'substring',
  'trim',
  'upperAscii',
])

/** Puts our functions in the place of the library's. Between parsing and checking. */
export function replaceFunctions(root: Node): void {
  for (const { op, args, meta } of nodesOf(root)) {
    if (op !== 'rcall' && op !== 'call') continue
    const call = args as [string, ...unknown[]]
    if (REPLACED.has(call[0])) call[0] = OURS + call[0]
    if (op === 'call' && call[0] === 'has' && meta.macro) Object.assign(meta.macro, presence(call[1] as readonly Node[]))
  }
}

/** Makes a checked tree charge for what it does: for each turn of a loop, and for what functions and operators look at. */
export function meter(root: Node): void {
  for (const node of nodesOf(root)) {
    const { handle, op } = node
    if (!handle) continue
    if (op === 'comprehension') {
      const { step } = node.args as { readonly step: Node }
      const stepCost = sizeOf(step)
      node.handle = (items, ...rest) => {
        charge(1 + lengthOf(items) * stepCost)
        return handle(items, ...rest)
      }
    } else if (op === 'call' || op === 'rcall') {
      node.handle = (args, ...rest) => {
        let cost = 1
        for (const each of args as readonly unknown[]) cost += weigh(each)
        charge(cost)
        return handle(args, ...rest)
      }
    } else if (WEIGHED.has(op)) {
      node.handle = (left, right, ...rest) => {
        charge(weigh(left) + weigh(right))
        return handle(left, right, ...rest)
      }
    }
  }
}

const NODES_PER_UNIT = 4

/** What it costs to run an expression once, whatever its functions do. */
export const sizeOf = (root: Node): number => Math.ceil(nodesOf(root).length / NODES_PER_UNIT)

const WEIGHED: ReadonlySet<string> = new Set(['+', 'in', '==', '!=', '<', '<=', '>', '>='])

const lengthOf = (items: unknown): number =>
  Array.isArray(items)
    ? items.length
    : items instanceof Set || items instanceof Map
      ? items.size
      : typeof items === 'object' && items !== null
        ? Object.keys(items).length
        : 0

/** Whether an expression speaks of a variable. */
export const mentions = (root: Node, name: string): boolean => nodesOf(root).some(({ op, args }) => op === 'id' && args === name)
