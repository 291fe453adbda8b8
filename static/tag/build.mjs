// Builds the tag into dist/<version>/. With --check it builds in memory, and fails unless what is there has the same bytes.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const { version } = JSON.parse(await readFile(`${ROOT}package.json`, 'utf8'));
const NOTE = { js: `/* Pixelgate ${version} */` };

async function bundle(entry, define = {}) {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2021',
    charset: 'utf8',
    legalComments: 'none',
    banner: NOTE,
    // Nobody outside reads these.
    mangleProps: /^(isAutomatic|waits|says|mayKeep|always)$/,
    define,
  });
  return Buffer.from(outputFiles[0].contents);
}

const integrity = (bytes) => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;

const debug = await bundle('src/debug.ts');
const panel = await bundle('src/panel.ts');
const source = (name) => readFile(`${ROOT}src/${name}`);
const tag = await bundle('src/tag.ts', {
  __VERSION__: JSON.stringify(version),
  __DEBUG_INTEGRITY__: JSON.stringify(integrity(debug)),
});
// A version that was published is never changed: pages name its hash.
const files = {
  'uwt.js': tag,
  integrity: Buffer.from(integrity(tag)),
  'debug.js': debug,
  'panel.js': panel,
  'panel.html': await source('panel.html'),
  'panel.css': await source('panel.css'),
};

const isCheck = process.argv.includes('--check');
const directory = `${ROOT}dist/${version}`;
await mkdir(directory, { recursive: true });
for (const [name, bytes] of Object.entries(files)) {
  const file = `${directory}/${name}`;
  if (!isCheck) await writeFile(file, bytes);
  else if (!bytes.equals(await readFile(file))) {
    console.error(`dist/${version}/${name} is not what the sources make: raise the version, or, if it was never published, npm run build`);
    process.exitCode = 1;
  }
}
if (isCheck && !process.exitCode) console.log(`dist/${version} is what the sources make`);
