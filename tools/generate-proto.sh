#!/bin/sh
# Writes packages/link/src/grpc/stream.ts from proto/. Run it after a change there; the result is committed.
# Needs Debian's protobuf-compiler.
set -eu
cd "$(dirname "$0")/.."
protoc --plugin=node_modules/.bin/protoc-gen-ts_proto --proto_path=proto --ts_proto_out=packages/link/src/grpc \
  --ts_proto_opt=outputServices=grpc-js,esModuleInterop=true,env=node,importSuffix=.ts,forceLong=number,oneof=unions-value,useExactTypes=false,outputJsonMethods=false,outputPartialMethods=false,unrecognizedEnum=false,outputIndex=false,enumsAsLiterals=true \
  proto/bramble/stream/v1/stream.proto
mv packages/link/src/grpc/bramble/stream/v1/stream.ts packages/link/src/grpc/stream.ts
rm -r packages/link/src/grpc/bramble
