#!/bin/sh
# Starts SeaweedFS as one S3 service with one identity for one bucket. For a private network: its gRPC ports
# have no authentication. Needs STORE_ACCESS_KEY, STORE_SECRET_KEY, STORE_PASSPHRASE; STORE_BUCKET, STORE_DIR,
# STORE_ADDRESS (the name it is known by) and STORE_BIND are optional.
set -eu
umask 077

dir=${STORE_DIR:-/var/lib/gatehouse/store}
bucket=${STORE_BUCKET:-gatehouse}
secret() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

mkdir -p "$dir/data"
cd "$dir"
cat >identities.json <<JSON
{"identities": [{
  "name": "gatehouse",
  "credentials": [{"accessKey": "$STORE_ACCESS_KEY", "secretKey": "$STORE_SECRET_KEY"}],
  "actions": ["Read:$bucket", "Write:$bucket"]
}]}
JSON
# The parts that use these keys run in this one process, so new ones at every start do no harm.
: >security.toml
for section in jwt.signing jwt.signing.read jwt.filer_signing jwt.filer_signing.read; do
    printf '[%s]\nkey = "%s"\n' "$section" "$(secret)" >>security.toml
done
printf '[access]\nui = false\n' >>security.toml
# SeaweedFS stores its options here and would read forgotten ones back at the next start.
rm -f data/mini.options

export HOME="$dir" GOMEMLIMIT="${GOMEMLIMIT:-640MiB}" WEED_S3_SSE_KEK_PASSPHRASE="$STORE_PASSPHRASE"
exec weed -logtostderr=true mini -dir=data \
    -ip="${STORE_ADDRESS:-store}" -ip.bind="${STORE_BIND:-0.0.0.0}" \
    -s3.port=8333 -master.port=9333 -volume.port=9340 -filer.port=8888 -admin.port=9646 \
    -master.volumeSizeLimitMB=1024 -master.telemetry=false -disableHttp -webdav=false -admin.ui=false \
    -s3.port.iceberg=0 -s3.port.lance=0 -s3.iam=false -s3.config=identities.json \
    -s3.autoCreateBucket=false -s3.allowDeleteBucketNotEmpty=false \
    -filer.disableDirListing=true -filer.exposeDirectoryData=false -filer.ui.deleteDir=false \
    -bucket="$bucket"
