// What huggingface.js (@huggingface/hub) reads of the registry. Prints a line for each check: name, outcome, fact.
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as hub from "@huggingface/hub";

const ground = JSON.parse(readFileSync(process.argv[2], "utf8"));
const only = process.argv.slice(3);
const hubUrl = process.env.HF_ENDPOINT;
// The library takes no token that does not begin with "hf_", so the token goes with each request instead.
const bearing = (token) => (url, init) =>
  fetch(url, { ...init, headers: { ...init?.headers, ...(token && { Authorization: `Bearer ${token}` }) } });
const given = { hubUrl, fetch: bearing(process.env.HF_TOKEN) };
const ready = { ...given, repo: ground.repo };
console.debug = () => {};

class No extends Error {}

function expect(found, wanted, what = "value") {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new No(`${what}: got ${a}, expected ${b}`);
}

async function errorOf(work) {
  let found;
  try {
    found = await work();
  } catch (error) {
    return error;
  }
  throw new No(`not refused: ${JSON.stringify(found)}`);
}

async function all(generator) {
  const found = [];
  for await (const item of generator) found.push(item);
  return found;
}

async function digest(blob) {
  return createHash("sha256").update(Buffer.from(await blob.arrayBuffer())).digest("hex");
}

async function leadsTo(wanted, text) {
  const found = text.split(/\s/).filter((word) => word.startsWith(wanted) && !word.includes("/resolve/"));
  if (!found.length) throw new No(`no address ${wanted} in: ${text}`);
  const url = found.at(-1).replace(/[.,]$/, "");
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  await answer.arrayBuffer();
  const isPage = [200, 401].includes(answer.status) && answer.headers.get("content-type").includes("text/html");
  if (!isPage) throw new No(`${url} is no page: ${answer.status}`);
  return url;
}

async function listed(search, asked = {}) {
  const found = await all(hub.listModels({ ...given, search: { owner: ground.author, ...search }, ...asked }));
  return found.map((item) => item.name);
}

const checks = {
  "own-token": async () => hub.whoAmI({ hubUrl, accessToken: process.env.HF_TOKEN }),
  whoami: async () => expect((await hub.whoAmI({ ...given, accessToken: "hf_unused" })).name, ground.name),
  "wrong-token": async () => {
    const error = await errorOf(() => hub.modelInfo({ hubUrl, accessToken: `hf_${"q".repeat(34)}`, name: ground.repo }));
    if (error.statusCode !== 401 || !error.message.includes(`${hubUrl}/settings/tokens`)) throw new No(error.message);
  },
  info: async () => {
    const fields = ["sha", "author", "tags", "cardData", "library_name", "createdAt", "filePaths"];
    const found = await hub.modelInfo({ ...given, name: ground.repo, additionalFields: fields });
    expect([found.name, found.sha, found.gated, found.task], [ground.repo, ground.commit, "auto", "text-generation"]);
    expect([...found.filePaths].sort(), Object.keys(ground.files).sort());
    await hub.checkRepoAccess(ready);
  },
  "info-expand": async () => {
    const found = await hub.modelInfo({ ...given, name: ground.repo, additionalFields: ["sha"] });
    expect([found.sha, found.tags], [ground.commit, undefined]);
  },
  revisions: async () => {
    for (const [revision, commit] of Object.entries(ground.revisions)) {
      const found = await hub.modelInfo({ ...given, name: ground.repo, revision, additionalFields: ["sha"] });
      expect(found.sha, commit, revision);
    }
  },
  tree: async () => {
    const found = (await all(hub.listFiles({ ...ready, recursive: true }))).filter((item) => item.type === "file");
    expect(found.map((item) => item.path).sort(), Object.keys(ground.files).sort());
    for (const item of found) {
      const [size, sha256, large] = ground.files[item.path];
      expect([item.size, item.lfs?.oid ?? null], [size, large ? sha256 : null], item.path);
    }
  },
  "tree-folder": async () => {
    const found = await all(hub.listFiles({ ...ready, path: ground.folder }));
    expect(found.map((item) => item.path), [`${ground.folder}/ünï.txt`]);
    expect((await errorOf(() => all(hub.listFiles({ ...ready, path: "none" })))).statusCode, 404);
  },
  "tree-expand": async () => {
    for (const item of await all(hub.listFiles({ ...ready, recursive: true, expand: true })))
      expect(item.lastCommit.id, ground.commit, item.path);
  },
  "tree-pages": async () => {
    const found = await all(hub.listFiles({ ...given, repo: ground.many.repo, recursive: true }));
    const files = found.filter((item) => item.type === "file").map((item) => item.path);
    expect([files.length, files[0], files.at(-1)], [ground.many.count, ground.many.first, ground.many.last]);
  },
  "paths-info": async () => {
    const paths = [...Object.keys(ground.files), ground.folder];
    const found = await hub.pathsInfo({ ...ready, paths: [...paths, "none"], expand: true });
    expect(found.map((item) => item.path).sort(), paths.sort());
    for (const item of found) expect(item.lastCommit.id, ground.commit);
  },
  commits: async () => {
    const found = await all(hub.listCommits(ready));
    expect(found.map((item) => item.oid), [ground.commit, ground.first_commit]);
  },
  exists: async () => {
    const repos = [ground.repo, ground.absent, ground.hidden.repo];
    const found = await Promise.all(repos.map((repo) => hub.repoExists({ ...given, repo })));
    expect(found, [true, false, false]);
    const paths = ["config.json", "model-00001-of-00003.safetensors", "none"];
    expect(await Promise.all(paths.map((path) => hub.fileExists({ ...ready, path }))), [true, true, false]);
  },
  "list-models": async () => {
    expect((await listed({})).sort(), [ground.repo, ground.second].sort());
    expect(await listed({ query: "second" }), [ground.second]);
    expect(await listed({ tags: ["granite", "nn"] }), [ground.repo]);
    expect(await listed({ task: "text-generation" }), [ground.repo]);
  },
  "list-order": async () => {
    expect(await listed({}, { sort: "createdAt" }), [ground.second, ground.repo]);
    expect(await listed({}, { limit: 1 }), [ground.second]);
  },
  "list-modified": async () =>
    expect(await listed({}, { sort: "lastModified" }), [ground.repo, ground.second]),
  "list-full": async () => {
    const search = { owner: ground.author, tags: ["granite"] };
    const [found] = await all(hub.listModels({ ...given, search, additionalFields: ["cardData", "filePaths"] }));
    expect([found.cardData.language, found.filePaths.length], ["nn", Object.keys(ground.files).length]);
  },
  "only-models": async () => {
    for (const call of [hub.datasetInfo, hub.spaceInfo])
      expect((await errorOf(() => call({ ...given, name: ground.repo }))).statusCode, 404);
  },
  metadata: async () => {
    for (const [path, [size]] of Object.entries(ground.files))
      expect((await hub.fileDownloadInfo({ ...ready, path }))?.size, size, path);
  },
  download: async () => {
    for (const [path, [, sha256]] of Object.entries(ground.files))
      expect(await digest(await hub.downloadFile({ ...ready, path })), sha256, path);
  },
  "empty-file": async () => {
    const { repo, token } = ground.empty;
    const found = await hub.downloadFile({ hubUrl, fetch: bearing(token), repo, path: "empty.txt" });
    expect(found.size, 0);
  },
  "download-revision": async () => {
    for (const [revision, commit] of Object.entries(ground.revisions))
      expect(await digest(await hub.downloadFile({ ...ready, path: "config.json", revision })), ground.configs[commit], revision);
  },
  part: async () => {
    const blob = await hub.downloadFile({ ...ready, path: "model-00001-of-00003.safetensors" });
    expect((await blob.slice(2, 10).arrayBuffer()).byteLength, 8);
  },
  snapshot: async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), "snapshot-"));
    try {
      const found = await hub.snapshotDownload({ ...ready, cacheDir });
      for (const [path, [, sha256]] of Object.entries(ground.files))
        expect(createHash("sha256").update(readFileSync(join(found, path))).digest("hex"), sha256, path);
    } finally {
      rmSync(cacheDir, { recursive: true });
    }
  },
  "sharded-safetensors": async () => {
    const found = await hub.parseSafetensorsMetadata({ ...ready, path: "model.safetensors.index.json" });
    expect([found.sharded, found.index.weight_map], [true, ground.weight_map]);
    expect(Object.keys(found.headers).sort(), Object.values(ground.weight_map).sort());
  },
  "card-for-all": async () => {
    const blob = await hub.downloadFile({ hubUrl, repo: ground.states.anonymous.repo, path: "README.md" });
    expect((await blob.text()).includes("A model for tests"), true);
  },
  absent: async () => {
    for (const repo of [ground.absent, ground.hidden.repo]) {
      const error = await errorOf(() => hub.downloadFile({ ...given, repo, path: "config.json" }));
      expect(error.statusCode, 404);
    }
  },
  "unknown-revision": async () => {
    expect((await errorOf(() => hub.modelInfo({ ...given, name: ground.repo, revision: "v9" }))).statusCode, 404);
    expect((await errorOf(() => hub.downloadFile({ ...ready, path: "config.json", revision: "v9" }))).statusCode, 404);
  },
  "unknown-file": async () => expect(await hub.downloadFile({ ...ready, path: "none" }), null),
};

for (const [state, refused] of Object.entries(ground.states))
  checks[`refused-${state}`] = async () => {
    const { repo, token, revision, url, words } = refused;
    const error = await errorOf(() =>
      hub.downloadFile({ hubUrl, fetch: bearing(token), repo, revision, path: "model.safetensors" }),
    );
    if (error.statusCode !== (token ? 403 : 401) || !error.message.includes(words)) throw new No(error.message);
    return leadsTo(url, error.message);
  };

const uploads = ground.uploads;
const fromHere = bearing(uploads.token);
const publishing = { hubUrl, fetch: (url, init) => (String(url).startsWith(hubUrl) ? fromHere : fetch)(url, init) };
const weights = () => randomBytes(2 * 1024 * 1024);
const sha256 = (content) => createHash("sha256").update(content).digest("hex");
const told = async (repo) => {
  const found = (await all(hub.listFiles({ ...publishing, repo, recursive: true }))).filter((item) => item.type === "file");
  return Object.fromEntries(found.map((item) => [item.path, item.lfs?.oid ?? null]));
};
checks["upload-new"] = async () => {
  const card = `---\nlicense: other\nlicense_name: ${uploads.license}\n---\n# New\n`;
  const content = weights();
  await hub.createRepo({ ...publishing, repo: uploads.new });
  const files = [
    { path: "README.md", content: new Blob([card]) },
    { path: "a/weights.bin", content: new Blob([content]) },
  ];
  await hub.uploadFiles({ ...publishing, repo: uploads.new, files, useXet: false });
  expect(await told(uploads.new), { "README.md": null, "a/weights.bin": sha256(content) });
};
checks["upload-next"] = async () => {
  const { sha: before } = await hub.modelInfo({ ...publishing, name: uploads.repo, additionalFields: ["sha"] });
  const content = weights();
  const operations = [
    { operation: "addOrUpdate", path: "more.bin", content: new Blob([content]) },
    { operation: "delete", path: "config.json" },
  ];
  const done = await hub.commit({ ...publishing, repo: uploads.repo, title: "More", operations, parentCommit: before, useXet: false });
  const found = await all(hub.listCommits({ ...publishing, repo: uploads.repo }));
  expect(found.map((item) => item.oid), [done.commit.oid, before]);
  const files = await told(uploads.repo);
  expect([Object.keys(files).sort(), files["more.bin"]], [["README.md", "model.safetensors", "more.bin"], sha256(content)]);
};
checks["upload-refused"] = async () => {
  await hub.createRepo({ ...publishing, repo: uploads.unnamed });
  const file = { path: "README.md", content: new Blob(["# No license\n"]) };
  const error = await errorOf(() => hub.uploadFile({ ...publishing, repo: uploads.unnamed, file, useXet: false }));
  if (error.statusCode !== 400 || !error.message.includes("license_name: slug@1.0")) throw new No(error.message);
  expect(await hub.repoExists({ ...given, repo: uploads.unnamed }), false);
};
checks["upload-stranger"] = async () => {
  const file = { path: "w.bin", content: new Blob([weights()]) };
  const error = await errorOf(() => hub.uploadFile({ ...publishing, repo: uploads.other, file, useXet: false }));
  if (!error.message.includes("no role")) throw new No(error.message);
};

const faults = ground.faults;
const fetchOf = async ({ repo, path, token, sha256 }) => {
  const blob = await hub.downloadFile({ hubUrl, fetch: bearing(token), repo, path });
  expect(await digest(blob), sha256);
};
for (const name of ["cut", "link-expired", "busy", "maintenance"]) checks[name] = () => fetchOf(faults[name]);
checks["cut-next-call"] = async () => {
  for (let call = 1; call <= 4; call += 1) {
    try {
      await fetchOf(faults["cut-next-call"]);
      return `whole at call ${call}`;
    } catch (error) {
      if (error instanceof No) throw error;
    }
  }
  throw new No("never whole");
};
checks["withdrawn-midway"] = async () => {
  const given = faults["withdrawn-midway"];
  for (let call = 1; call <= 4; call += 1) {
    const error = await errorOf(() => fetchOf(given));
    if (error.statusCode === 403 && error.message.includes(given.words)) return leadsTo(given.url, error.message);
  }
  throw new No("never told");
};

for (const [name, work] of Object.entries(checks)) {
  if (only.length && !only.includes(name)) continue;
  let outcome = "yes";
  let fact = "";
  try {
    fact = (await work()) ?? "";
  } catch (error) {
    outcome = "no";
    fact = `${error.constructor.name}: ${error.message}`;
  }
  console.log([name, outcome, String(fact).replace(/\s+/g, " ")].join("\t"));
}
