"""Mutants of src/train, all in one build: each stands behind `if crate::mutant(N)`, and ABLATE_MUTANT=N chooses one.

In a throw-away worktree TREE (its src is changed), with `pip install tree-sitter tree-sitter-rust`:

    mutants.py plant TREE OUT          a seeded sample of all mutants, and those by hand; OUT is a folder
    (cd TREE; cargo check --release --tests --message-format json > OUT/check.json)
    mutants.py drop TREE OUT           leaves out what does not compile; then `git checkout src`, and again from the top
    (cd TREE; cargo test --release --lib --test it --no-run)
    mutants.py trace TREE OUT LIB IT   runs each test of training by itself: its time, and the mutants that it reaches
    mutants.py run TREE OUT [N…]       runs the tests that reach each mutant, cheapest first, until one fails
"""

import collections, glob, json, os, random, re, subprocess, sys, time

from by_hand import S

SEED = 19
QUOTA = {'arith': 40, 'compare': 30, 'negate': 30, 'body': 30, 'drop': 30, 'constant': 35, 'method': 20}
ARITH = {'+': ['-', '*'], '-': ['+', '/'], '*': ['+', '/'], '/': ['*', '%'], '%': ['/', '+'], '<<': ['>>'], '>>': ['<<'], '&': ['|'], '|': ['&'], '^': ['&']}
COMP = {'==': ['!='], '!=': ['=='], '<': ['<=', '>'], '<=': ['<', '>'], '>': ['>=', '<'], '>=': ['>', '<'], '&&': ['||'], '||': ['&&']}
METHODS = {'min': 'max', 'max': 'min', 'any': 'all', 'all': 'any', 'floor': 'ceil', 'ceil': 'floor', 'round': 'floor', 'is_some': 'is_none',
           'is_none': 'is_some', 'clamp_min': 'clamp_max', 'clamp_max': 'clamp_min', 'saturating_sub': 'saturating_add', 'div_ceil': 'div_euclid',
           'max_dim': 'min_dim', 'sum_dim': 'mean_dim', 'mean_dim': 'sum_dim', 'sum': 'product', 'is_finite': 'is_nan', 'bool_or': 'bool_and', 'bool_and': 'bool_or',
           'argmax': 'argmin', 'cos': 'sin', 'sin': 'cos', 'greater_elem': 'lower_elem', 'starts_with': 'ends_with', 'first': 'last', 'last': 'first', 'mean': 'sum'}
DROPPED = {'sqrt', 'abs', 'neg', 'exp', 'ln', 'rev', 'detach', 'transpose', 'bool_not', 'log'}


def default(t):
    t = t.strip()
    if t == 'bool': return ['true', 'false']
    if t in ('usize', 'u8', 'u16', 'u32', 'u64', 'i32', 'i64', 'isize'): return ['0', '1']
    if t in ('f32', 'f64'): return ['0.0', '1.0', '-1.0']
    if t == 'String': return ['String::new()', '"xyzzy".into()']
    if t.startswith('Vec<'): return ['vec![]']
    if t.startswith('Option<'): return ['None']
    if re.match(r'(io::)?Result<\(\)', t): return ['Ok(())']
    if re.match(r'Result<(bool)', t): return ['Ok(true)', 'Ok(false)']
    if re.match(r'Result<Vec<', t): return ['Ok(vec![])']
    if re.match(r'Result<Option<', t): return ['Ok(None)']
    if re.match(r'Result<(usize|u64|u32)', t): return ['Ok(0)', 'Ok(1)']
    if re.match(r'\[f(32|64); (\d+)\]$', t): return ['[0.0; %s]' % re.match(r'\[f\d\d; (\d+)\]', t)[1]]
    m = re.match(r'Tensor<B, (\d)>$', t)
    return []
# Modules of the integration tests that concern training.
MODULES = ('augmentation::', 'data::', 'evaluation::', 'learning::', 'numerics::', 'protocol::', 'resnet::', 'train::')
RUST = '''
/// Whether this mutant is chosen by ABLATE_MUTANT; `trace` writes to ABLATE_TRACE which ones are reached.
#[inline]
pub fn mutant(n: u32) -> bool {
    let chosen = CHOSEN.load(std::sync::atomic::Ordering::Relaxed);
    chosen == n || chosen > 1_000_000 && special(n)
}
static CHOSEN: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(u32::MAX);
const TRACE: u32 = u32::MAX - 1;
static SEEN: [std::sync::atomic::AtomicBool; 1024] = [const { std::sync::atomic::AtomicBool::new(false) }; 1024];
#[cold]
#[inline(never)]
fn special(n: u32) -> bool {
    use std::{io::Write, sync::atomic::Ordering::Relaxed};
    if CHOSEN.load(Relaxed) == u32::MAX {
        let text = std::env::var("ABLATE_MUTANT").unwrap_or_default();
        CHOSEN.store(if text == "trace" { TRACE } else { text.parse().unwrap_or(0) }, Relaxed);
    }
    let chosen = CHOSEN.load(Relaxed);
    if chosen == TRACE && !SEEN[n as usize].swap(true, Relaxed) {
        if let Ok(path) = std::env::var("ABLATE_TRACE") {
            if let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) {
                let _ = file.write_all(format!("{n}\\n").as_bytes());
            }
        }
    }
    chosen == n
}
'''


cands = []


def cand(kind, f, node, prims, what):
    cands.append(dict(kind=kind, file=f, line=node.start_point[0] + 1, prims=prims, what=what))


def walk(node, f, text, const):
    t = node.type
    tx = lambda n: text[n.start_byte:n.end_byte].decode()
    if t in ('const_item', 'static_item', 'attribute_item', 'macro_invocation', 'macro_definition', 'type_arguments', 'array_type', 'use_declaration', 'match_pattern', 'const_block', 'token_tree'):
        return
    if t in ('mod_item', 'function_item', 'impl_item', 'expression_statement', 'let_declaration', 'block', 'struct_item', 'use_declaration'):
        sib = node.prev_named_sibling
        while sib is not None and sib.type in ('attribute_item', 'line_comment'):
            if sib.type == 'attribute_item' and 'cfg(' in tx(sib): return
            sib = sib.prev_named_sibling
    if t == 'function_item':
        if any(c.type == 'function_modifiers' and 'const' in tx(c) for c in node.children): return
        body, ret = node.child_by_field_name('body'), node.child_by_field_name('return_type')
        name = tx(node.child_by_field_name('name'))
        if body is not None and len(body.named_children) > 0:
            values = default(tx(ret)) if ret is not None else ['()']
            for v in values:
                ins = ' if {m} { return %s; }' % v
                cand('body', f, node, [(body.start_byte + 1, body.start_byte + 1, ins)], f'replace {name} by {v}')
    if t == 'binary_expression':
        op = tx(node.child_by_field_name('operator')); l = node.child_by_field_name('left'); r = node.child_by_field_name('right')
        table = ARITH if op in ARITH else COMP
        if not any('let_c' in c.type for c in (l, r)):
            for new in table.get(op, []):
                L, R = tx(l), tx(r)
                if 'let ' in L or 'let ' in R: continue
                s = '(if {m} { %s %s %s } else { %s %s %s })' % (L, new, R, L, op, R)
                cand('arith' if op in ARITH else 'compare', f, node, [(node.start_byte, node.end_byte, s)], f'{tx(node)[:70]!r}: {op} -> {new}')
    if t == 'compound_assignment_expr':
        op = next((tx(c) for c in node.children if tx(c) in ('+=', '-=', '*=', '/=')), None)
        for new in {'+=': ['-='], '-=': ['+='], '*=': ['/='], '/=': ['*=']}.get(op, []):
            l, r = node.child_by_field_name('left'), node.child_by_field_name('right')
            cand('arith', f, node, [(node.start_byte, node.end_byte, 'if {m} { %s %s %s } else { %s }' % (tx(l), new, tx(r), tx(node)))], f'{tx(node)[:70]!r}: {op} -> {new}')
    if t in ('if_expression', 'while_expression'):
        c = node.child_by_field_name('condition')
        if c is not None and 'let' not in c.type and 'let ' not in tx(c):
            cand('negate', f, c, [(c.start_byte, c.start_byte, '{m} != ('), (c.end_byte, c.end_byte, ')')], f'negate {tx(c)[:70]!r}')
    if t == 'unary_expression':
        op = text[node.start_byte:node.start_byte + 1].decode(); inner = node.named_children[0]
        if op in '-!':
            cand('negate' if op == '!' else 'arith', f, node, [(node.start_byte, node.end_byte, '(if {m} { %s } else { %s })' % (tx(inner), tx(node)))], f'{tx(node)[:60]!r}: delete {op}')
    if t == 'expression_statement':
        e = node.named_children[0]
        if e.type in ('call_expression', 'assignment_expression', 'compound_assignment_expr', 'try_expression') and tx(node).endswith(';'):
            cand('drop', f, node, [(node.start_byte, node.start_byte, 'if !{m} { '), (node.end_byte, node.end_byte, ' }')], f'drop {tx(node)[:70]!r}')
    if t == 'integer_literal' and node.parent.type not in ('field_expression', 'tuple_pattern', 'array_expression_x', 'match_pattern', 'tuple_struct_pattern', 'range_pattern', 'captured_pattern', 'field_pattern', 'or_pattern', 'slice_pattern', 'array_expression', 'let_condition'):
        v = tx(node); m = re.match(r'^(0x[0-9a-f_]+|[0-9_]+)([iu](?:8|16|32|64|size))?$', v)
        if m:
            n = int(m[1].replace('_', ''), 0); suf = m[2] or ''
            for w in ([n + 1, n - 1] if n > 1 else [n + 1]):
                cand('constant', f, node, [(node.start_byte, node.end_byte, '(if {m} { %d%s } else { %s })' % (w, suf, v))], f'{tx(node.parent)[:60]!r}: {v} -> {w}')
    if t == 'float_literal' and node.parent.type not in ('match_pattern', 'range_pattern', 'array_expression'):
        v = tx(node); m = re.match(r'^([0-9_.]+(?:e-?\d+)?)(_?f(?:32|64))?$', v)
        if m:
            x = float(m[1].replace('_', '')); suf = (m[2] or '').lstrip('_')
            w = repr(1.0 if x == 0 else 2 * x)
            cand('constant', f, node, [(node.start_byte, node.end_byte, '(if {m} { %s%s } else { %s })' % (w, '_' + suf if suf else '', v))], f'{tx(node.parent)[:60]!r}: {v} -> {w}')
    if t == 'call_expression':
        fn = node.child_by_field_name('function')
        if fn.type == 'field_expression':
            name = tx(fn.child_by_field_name('field')); obj = tx(fn.child_by_field_name('value')); args = tx(node.child_by_field_name('arguments'))
            new = f'{obj}.{METHODS[name]}{args}' if name in METHODS and not (name in ('min', 'max', 'first', 'last', 'all') and args == '()' and name in ('all',)) else (obj if name in DROPPED and args == '()' else None)
            if new is not None:
                cand('method', f, node, [(node.start_byte, node.end_byte, '(if {m} { %s } else { %s })' % (new, tx(node)))], f'{tx(node)[:70]!r}: .{name} -> ' + (METHODS.get(name) or 'dropped'))
    for c in node.children: walk(c, f, text, const)


def conflicts(mutant, taken):
    for a, b, _ in mutant['prims']:
        for x, y in taken[mutant['file']]:
            if a < y and x < b or (a == b and x < a < y) or (x == y and a < x < b) or (a, b) == (x, y):
                return True
    return False


def plant(tree, out):
    import tree_sitter, tree_sitter_rust
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
    files = sorted(f for f in glob.glob(tree + '/src/train/**/*.rs', recursive=True)
                   if not re.search(r'(^|/)(tests?\.rs|fixture\.rs|cuda\.rs)$|/tests/', f))
    bad = set(json.load(open(out + '/bad.json'))) if os.path.exists(out + '/bad.json') else set()
    texts = {f: open(f, 'rb').read() for f in files}
    for f in files:
        walk(parser.parse(texts[f]).root_node, f, texts[f], False)
    # Those by hand come first; their places are not mutated otherwise.
    table, edits, taken, shared = [], collections.defaultdict(list), collections.defaultdict(list), None
    for name, old, new, what in S:
        path = f'{tree}/src/train/{name}'
        if texts[path].count(old.encode()) != 1:
            print('left out, text not there once:', name, old)
            continue
        start = texts[path].index(old.encode())
        taken[path].append((start, start + len(old.encode())))
        whats = what if isinstance(what, list) else [what]
        for i, w in enumerate(whats):
            # One without a description is a part of the next.
            number = len(table) + 1
            new = new.replace('{m%d}' % (i + 1) if len(whats) > 1 else '{m}', f'crate::mutant({number})')
            if w is not None:
                line = texts[path][:start].count(b'\n') + 1
                table.append(dict(n=number, kind='by hand', file=path[len(tree) + 1:], line=line, what=w))
        edits[path].append((start, start + len(old.encode()), new.replace('{{', '{').replace('}}', '}')))
    pool, draw, chosen = collections.defaultdict(list), random.Random(SEED), []
    for c in cands:
        pool[c['kind']].append(c)
    for kind, quota in QUOTA.items():
        draw.shuffle(pool[kind])
        sound = (c for c in pool[kind] if key(c, tree) not in bad and not conflicts(c, taken))
        for _, c in zip(range(quota), sound):
            chosen.append(c)
            taken[c['file']] += [(a, b) for a, b, _ in c['prims']]
    for c in sorted(chosen, key=lambda c: (c['file'], c['prims'][0][0])):
        number = len(table) + 1
        table.append(dict(n=number, kind=c['kind'], file=c['file'][len(tree) + 1:], line=c['line'], what=c['what'], key=key(c, tree)))
        edits[c['file']] += [(a, b, s.replace('{m}', f'crate::mutant({number})')) for a, b, s in c['prims']]
    spans = {}
    for f, changes in edits.items():
        shift, text = 0, texts[f]
        for a, b, s in sorted(changes, key=lambda e: e[:2]):
            text = text[:a + shift] + s.encode() + text[b + shift:]
            for number in re.findall(r'crate::mutant\((\d+)\)', s):
                x, y = spans.get(number, (f[len(tree) + 1:], a + shift, 0))[1:]
                spans[number] = (f[len(tree) + 1:], min(x, a + shift), max(y, a + shift + len(s.encode())))
            if s.strip() in ('}', ')'):
                spans[number] = spans[number][:2] + (a + shift + len(s),)
            shift += len(s.encode()) - (b - a)
        open(f, 'wb').write(text)
    open(tree + '/src/lib.rs', 'a').write(RUST)
    json.dump(table, open(out + '/table.json', 'w'), indent=0)
    json.dump(spans, open(out + '/spans.json', 'w'))
    print({kind: len(all) for kind, all in pool.items()}, len(table), 'mutants')


def key(c, tree):
    return f"{c['file'][len(tree):]}:{c['prims'][0][0]}:{c['what']}"


def drop(tree, out):
    spans, table = json.load(open(out + '/spans.json')), {t['n']: t for t in json.load(open(out + '/table.json'))}
    bad = set(json.load(open(out + '/bad.json'))) if os.path.exists(out + '/bad.json') else set()
    for message in map(json.loads, open(out + '/check.json')):
        if message.get('reason') != 'compiler-message' or message['message']['level'] != 'error':
            continue
        for span in message['message']['spans']:
            for number, (f, a, b) in spans.items():
                if f == span['file_name'] and span['byte_start'] < b + 2 and a - 2 < span['byte_end']:
                    print(number, table[int(number)]['what'], '|', message['message']['message'])
                    bad.add(table[int(number)].get('key', ''))
    json.dump(sorted(bad), open(out + '/bad.json', 'w'))


def call(tree, args, timeout, **env):
    env = dict(os.environ, INSTA_UPDATE='no', CI='1', RAYON_NUM_THREADS='2', CARGO_MANIFEST_DIR=tree, **env)
    start = time.time()
    p = subprocess.Popen(args, cwd=tree, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        text, code = p.communicate(timeout=timeout)[0], p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, 9)
        text, code = p.communicate()[0], 'timeout'
    return code, text, time.time() - start


def trace(tree, out, lib, it):
    tests = []
    for binary, kept in ((lib, ('train::',)), (it, MODULES)):
        names = (line[:-6] for line in call(tree, [binary, '--list'], 60)[1].splitlines() if line.endswith(': test'))
        tests += [(binary, name) for name in names if name.startswith(kept)]
    found, path = [], out + '/trace.txt'
    for binary, name in tests:
        open(path, 'w').close()
        code, text, seconds = call(tree, [binary, '--exact', name], 600, ABLATE_MUTANT='trace', ABLATE_TRACE=path)
        if code != 0:
            print('fails without a mutant:', name, text[-600:])
            continue
        found.append(dict(binary=binary, name=name, seconds=seconds, reach=sorted(map(int, open(path).read().split()))))
    json.dump(found, open(out + '/trace.json', 'w'))
    print(len(found), 'tests', round(sum(test['seconds'] for test in found)), 's')


def run(tree, out, only):
    tests, path = json.load(open(out + '/trace.json')), out + '/results.jsonl'
    done = {json.loads(line)['n'] for line in open(path)} if os.path.exists(path) else set()
    for t in json.load(open(out + '/table.json')):
        if t['n'] in done or only and t['n'] not in only:
            continue
        reach = sorted((test for test in tests if t['n'] in test['reach']), key=lambda test: test['seconds'])
        groups = []
        for binary in dict.fromkeys(test['binary'] for test in tests):
            cheap = [test for test in reach if test['binary'] == binary and test['seconds'] < 0.3]
            groups += [cheap] if cheap else []
        groups += [[test] for test in reach if not any(test in group for group in groups)]
        result = dict(n=t['n'], tests=len(reach), verdict='lived', by=[])
        for group in groups:
            names, seconds = [test['name'] for test in group], sum(test['seconds'] for test in group)
            args = [group[0]['binary'], '--exact', '--test-threads', '2', *names]
            code, text, _ = call(tree, args, 5 * seconds + 20, ABLATE_MUTANT=str(t['n']))
            if code != 0:
                failed = re.findall(r'^test (\S+) .*FAILED$', text, re.M)
                result.update(verdict='killed', by=failed or [f'{code}: {names[0]}'])
                break
        open(path, 'a').write(json.dumps(result) + '\n')
        print(t['n'], result['verdict'], result['by'][:2], '|', t['kind'], t['file'], t['line'], t['what'], flush=True)


def main():
    os.environ.pop('ABLATE_MUTANT', None)
    verb, tree, out, *rest = sys.argv[1:]
    tree, out = os.path.abspath(tree), os.path.abspath(out)
    os.makedirs(out, exist_ok=True)
    match verb:
        case 'plant': plant(tree, out)
        case 'drop': drop(tree, out)
        case 'trace': trace(tree, out, *map(os.path.abspath, rest))
        case 'run': run(tree, out, set(map(int, rest)))
        case _: sys.exit(__doc__)


main()
