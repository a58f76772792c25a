// What this program uses of grpc-js, to be loaded on demand: `await import('../host/grpc.ts')`. By name, because a bundler gives a
// CommonJS package no names when it is imported on demand.
export { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js'
