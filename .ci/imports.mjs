// The import graph of runtime-core: node .ci/imports.mjs
// Prints which files import which, then every circle. Fails if a file of one wing (server/, client/) imports the other, if a file beside
// the wings imports one, or if a circle has more files than MOST. A `mod.rs` that only declares and re-exports is in no circle.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const ROOT = join(import.meta.dirname, "../runtime-core/src");
// The goal is 3. Handles, the state they share and the task still know each other.
const MOST = 14;

const files = readdirSync(ROOT, { recursive: true })
    .filter((file) => file.endsWith(".rs") && !/(^|\/)tests(\.rs$|\/)/.test(file))
    .sort();
const moduleOf = (file) => file.replace(/(\/mod)?\.rs$/, "").split("/");
const byModule = new Map(files.map((file) => [moduleOf(file).join("::"), file]));

/** The file that a path of modules and items leads to: its longest prefix that is a module. */
function resolve(path) {
    for (let length = path.length; length > 0; length--) {
        const file = byModule.get(path.slice(0, length).join("::"));
        if (file) return file;
    }
    return undefined;
}

/** The paths of a `use` tree, braces opened. */
function open(tree) {
    const brace = tree.indexOf("{");
    if (brace < 0) return [tree.split(" as ")[0].trim()];
    const prefix = tree.slice(0, brace);
    const items = [];
    let depth = 0;
    let start = brace + 1;
    for (let at = brace + 1; at < tree.length; at++) {
        if (tree[at] === "{") depth++;
        if (tree[at] === "}" && depth-- === 0 || tree[at] === "," && depth === 0) {
            items.push(tree.slice(start, at).trim());
            start = at + 1;
        }
    }
    return items.filter(Boolean).flatMap((item) => open(prefix + (item === "self" ? "" : item)));
}

const graph = new Map();
for (const file of files) {
    // Tests may import anything; they stand at the end of a file.
    const text = readFileSync(join(ROOT, file), "utf8").split("#[cfg(test)]\nmod tests {")[0].replace(/\/\/.*/g, "");
    const here = moduleOf(file);
    const paths = [
        ...[...text.matchAll(/\buse ([^;]+);/g)].flatMap((match) => open(match[1].replace(/\s+/g, " "))),
        ...[...text.matchAll(/\b(?:crate|super|self)(?:::\w+)+/g)].map((match) => match[0]),
    ];
    const targets = new Set();
    for (const path of paths) {
        let parts = path.split("::").filter(Boolean);
        if (parts[0] === "crate") parts = parts.slice(1);
        else if (parts[0] === "super" || parts[0] === "self") {
            let base = file.endsWith("mod.rs") || parts[0] === "self" ? here : here.slice(0, -1);
            if (parts[0] === "super" && file.endsWith("mod.rs")) base = here.slice(0, -1);
            parts = parts.slice(1);
            while (parts[0] === "super") [base, parts] = [base.slice(0, -1), parts.slice(1)];
            parts = [...base, ...parts];
        } else parts = [...here, ...parts];
        const target = resolve(parts);
        if (target && target !== file) targets.add(target);
    }
    graph.set(file, targets);
}

/** Groups of files that all reach each other (Tarjan). */
function circles() {
    const index = new Map(), low = new Map(), stack = [], groups = [];
    const visit = (file) => {
        index.set(file, index.size), low.set(file, index.get(file)), stack.push(file);
        for (const next of graph.get(file) ?? []) {
            if (isFace(next)) continue;
            if (!index.has(next)) visit(next), low.set(file, Math.min(low.get(file), low.get(next)));
            else if (stack.includes(next)) low.set(file, Math.min(low.get(file), index.get(next)));
        }
        if (low.get(file) === index.get(file)) {
            const group = stack.splice(stack.indexOf(file));
            if (group.length > 1) groups.push(group.sort());
        }
    };
    files.filter((file) => !isFace(file) && !index.has(file)).forEach(visit);
    return groups;
}

/** Whether a file only declares modules and re-exports. */
function isFace(file) {
    return file === "lib.rs" || /(^|\/)mod\.rs$/.test(file) && !/\b(fn|struct|enum|trait|impl)\b/.test(readFileSync(join(ROOT, file), "utf8").replace(/\/\/.*/g, ""));
}

for (const [file, targets] of graph) if (targets.size) console.log(`${file} -> ${[...targets].sort().join(" ")}`);
let failed = false;
for (const [file, targets] of graph) {
    for (const target of targets) {
        const [from, to] = [file, target].map((name) => name.split("/")[0]);
        const crosses = from === "server" && to === "client" || from === "client" && to === "server";
        const inward = !["lib.rs", "engine.rs", "prelude.rs", "server", "client"].includes(from) && (to === "server" || to === "client");
        if (crosses || inward) failed = true, console.log(`WING: ${file} imports ${target}`);
    }
}
for (const group of circles()) {
    console.log(`circle of ${group.length}: ${group.join(" ")}`);
    if (group.length > MOST) failed = true;
}
console.log(failed ? "FAILED" : `${files.length} files: the wings are apart, and no circle has more than ${MOST} files`);
process.exitCode = failed ? 1 : 0;
