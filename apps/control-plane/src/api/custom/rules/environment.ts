import { Environment } from '@marcbachmann/cel-js'
import { registerFormats } from './functions/formats.ts'
import { registerLists } from './functions/lists.ts'
import { registerMacros } from './functions/macros.ts'
import { registerNetwork } from './functions/network.ts'
import { registerQuantities } from './functions/quantity.ts'
import { registerStrings } from './functions/strings.ts'
import { registerTimes } from './functions/times.ts'
import { registerUrls } from './functions/url.ts'

const LIMITS = { maxAstNodes: 10_000, maxDepth: 100, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 32 }

let base: Environment | undefined
let functionNames: ReadonlySet<string> | undefined

/** All that rules may use besides `self` and `oldSelf`. */
export function baseEnvironment(): Environment {
  base ??= newBase()
  return base
}

/** Names of functions, macros included. */
export function knownFunctions(): ReadonlySet<string> {
  functionNames ??= new Set(
    baseEnvironment()
      .getDefinitions()
      .functions.map(({ name }) => name),
  )
  return functionNames
}

function newBase(): Environment {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits: LIMITS })
  for (const register of [
    registerStrings,
    registerLists,
    registerTimes,
    registerQuantities,
    registerNetwork,
    registerUrls,
    registerFormats,
    registerMacros,
  ])
    register(environment)
  return environment
}
