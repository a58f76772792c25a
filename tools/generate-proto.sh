#!/bin/sh
# Writes what is generated from proto/. Run it after a change there; the results are committed.
# Needs Debian's protobuf-compiler.
set -eu
cd "$(dirname "$0")/.."

protoc --plugin=node_modules/.bin/protoc-gen-ts_proto --proto_path=proto --ts_proto_out=packages/link/src/grpc \
  --ts_proto_opt=outputServices=grpc-js,esModuleInterop=true,env=node,importSuffix=.ts,forceLong=number,oneof=unions-value,useExactTypes=false,outputJsonMethods=false,outputPartialMethods=false,unrecognizedEnum=false,outputIndex=false,enumsAsLiterals=true \
  proto/bramble/stream/v1/stream.proto
mv packages/link/src/grpc/bramble/stream/v1/stream.ts packages/link/src/grpc/stream.ts
rm -r packages/link/src/grpc/bramble

# Large interfaces of others: descriptors instead of code, a fifth of the size.
descriptors() { # SOURCE FOLDER: FOLDER/<name>_pb.{js,d.ts}, without the comments
  folder=$(mktemp -d)
  protoc --plugin=node_modules/.bin/protoc-gen-es --proto_path=proto --es_out="$folder" --es_opt=target=js+dts "proto/$1"
  mkdir -p "$2"
  for file in "$folder/$(dirname "$1")"/*; do
    perl -0pe 's{^[ ]*/\*\*.*?\*/\n}{}gms; s{\n\n+}{\n}g' "$file" >"$2/$(basename "$file")"
  done
  rm -r "$folder"
}
descriptors runtime/v1/api.proto apps/node-agent/src/runtime/cri/grpc
descriptors containerd/events.proto apps/node-agent/src/runtime/cri/grpc
descriptors containerd/leases.proto apps/node-agent/src/runtime/cri/grpc
descriptors csi/v1/csi.proto apps/node-agent/src/pods/volumes/csi/grpc
descriptors pluginregistration/v1/api.proto apps/node-agent/src/pods/volumes/csi/grpc
