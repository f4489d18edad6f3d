//! The architecture: who may import whom, how files begin and how long they are, who may print.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The modules of `src` in the order of the layers, and what each may import.
const MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("recipe", &[]),
    ("sweep", &["recipe"]),
    ("plan", &["recipe", "sweep"]),
    ("schedule", &["recipe", "sweep", "plan"]),
    ("store", &["recipe", "plan"]),
    ("report", &["recipe", "sweep", "plan", "schedule", "store"]),
    ("train", &["recipe"]),
    ("cli", &["recipe", "sweep", "plan", "schedule", "store", "report", "train"]),
];

/// Longest file in lines.
const LONGEST: usize = 400;

/// Where `unsafe` may stand: vector instructions, what happens between fork and exec, the mapping of cache files, and
/// the opening of CUDA's libraries.
const UNSAFE: [&str; 4] =
    ["src/train/ops/", "src/schedule/process.rs", "src/train/data/folder/map.rs", "src/cli/doctor/toolkit.rs"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository: path from the root, text.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The code of a file without comments and without its inline test module, which stands last.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(without_comment).collect::<Vec<_>>().join("\n")
}

/// A line up to its comment; the slashes of an address in a string begin none.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|&(start, _)| !line[..start].ends_with(':'));
    comment.map_or(line, |(start, _)| &line[..start])
}

/// The top modules that a file imports by `crate::x` or `crate::{x, y::z}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let (mut depth, mut word, mut fresh) = (0, String::new(), true);
            for letter in group.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    _ if fresh && (letter.is_alphanumeric() || letter == '_') => word.push(letter),
                    _ if !word.is_empty() => fresh = false,
                    _ => {}
                }
                if (!fresh || matches!(letter, ',' | '{')) && !word.is_empty() {
                    found.insert(std::mem::take(&mut word));
                    fresh = letter == ',' && depth == 0;
                }
            }
            if !word.is_empty() {
                found.insert(word);
            }
        } else {
            found.insert(rest.chars().take_while(|&letter| letter.is_alphanumeric() || letter == '_').collect());
        }
    }
    found
}

/// Whether `super::super::…` leaves the top module that the file belongs to, past the sight of [`imports`].
fn climbs_out(path: &str, code: &str) -> bool {
    let depth = path["src/".len()..].trim_end_matches("/mod.rs").split('/').count();
    code.contains(&"super::".repeat(depth))
}

/// What a file does that it must not.
fn offenses(path: &str, code: &str) -> Vec<&'static str> {
    let words: BTreeSet<&str> = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let calls = |name: &str| words.contains(name) && code.contains(&format!("{name}!"));
    let prints = ["println", "print", "eprintln", "eprint", "dbg"].into_iter().any(calls)
        || !path.starts_with("src/cli/") && (code.contains("io::stdout(") || code.contains("io::stderr("));
    let is_unsafe = words.contains("unsafe") && !UNSAFE.iter().any(|place| path.starts_with(place));
    let unfinished = ["todo", "unimplemented"].into_iter().any(calls);
    // A module keeps to itself whether its weights can be trained, and one without gradients says no.
    let thaws = code.contains("Module::from_inner");
    let found = [
        (prints, "prints"),
        (is_unsafe, "is unsafe"),
        (unfinished, "is unfinished"),
        (thaws, "makes a module trainable that was made without gradients: load it where it is trained"),
    ];
    found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what).collect()
}

/// The files of which one must declare the module at `path`; none for the root of a crate.
fn parents(path: &str) -> Vec<String> {
    let module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
    match module.rsplit_once('/').unwrap() {
        ("src", "lib" | "main") | ("tests/it", "main") => vec![],
        ("src", _) => vec!["src/lib.rs".to_owned()],
        ("tests/it", _) => vec!["tests/it/main.rs".to_owned()],
        (folder, _) => vec![format!("{folder}.rs"), format!("{folder}/mod.rs")],
    }
}

/// Whether a file declares the module at `path`.
fn declares(text: &str, path: &str) -> bool {
    let name = path.trim_end_matches("/mod.rs").trim_end_matches(".rs").rsplit('/').next().unwrap();
    code(text).lines().any(|line| format!(" {}", line.trim()).ends_with(&format!(" mod {name};")))
}

#[test]
fn the_scanner_sees_imports() {
    let names = |text: &str| imports(&code(text)).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::plan::{Job, JobId};"), "plan");
    assert_eq!(
        names("use crate::{\n    plan::{Job, JobId},\n    recipe::Data, store,\n    sweep,\n};"),
        "plan recipe store sweep"
    );
    assert_eq!(names("let x = crate::train::pretrain(); // crate::cli"), "train");
    assert_eq!(names("fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}"), "");
    assert_eq!(names(r#"get("https://host", crate::cli::main()); // crate::plan"#), "cli");
}

#[test]
fn the_scanner_sees_climbing() {
    assert!(climbs_out("src/plan/job.rs", "use super::super::train::data;"));
    assert!(climbs_out("src/plan/mod.rs", "use super::train;"));
    assert!(!climbs_out("src/plan/job.rs", "use super::graph;"));
    assert!(!climbs_out("src/train/data/cifar.rs", "use super::super::random;"));
    assert!(climbs_out("src/train/data/mod.rs", "use super::super::plan;"));
}

#[test]
fn the_scanner_sees_offenses() {
    let found = |path: &str, text: &str| offenses(path, &code(text)).join(", ");
    assert_eq!(found("src/plan/job.rs", "println!(); unsafe { f() } todo!()"), "prints, is unsafe, is unfinished");
    assert_eq!(found("src/cli/run.rs", "eprintln!()"), "prints");
    assert_eq!(found("src/cli/mod.rs", "io::stdout().lock()"), "");
    assert_eq!(found("src/report/csv.rs", "io::stderr().lock()"), "prints");
    assert_eq!(found("src/train/ops/simd.rs", "unsafe fn f() {}"), "");
    assert!(found("src/train/linear.rs", "encoder: AutodiffModule::from_inner(encoder)").contains("without gradients"));
    assert_eq!(found("src/train/linear.rs", "Tensor::from_inner(features)"), "");
    assert_eq!(found("src/train/linear.rs", "unsafe impl Send for X {}"), "is unsafe");
    assert_eq!(found("src/cli/mod.rs", "print(&text); // unlike println!, no todo!(), nothing unsafe"), "");
}

#[test]
fn the_scanner_sees_tuned_products() {
    assert!(found("a.matmul(b)", &[], &TUNED).contains("matmul"));
    assert!(found("use burn::nn::Linear;", &[], &TUNED).contains("nn") && found("knn::vote()", &[], &TUNED).is_empty());
    assert!(!found("Strategy::DoubleUnit(x)", &WRONG, &[]).is_empty());
    assert!(found("Strategy::SimpleUnit(x), Strategy::Naive", &WRONG, &[]).is_empty());
}

#[test]
fn the_scanner_knows_where_modules_are_declared() {
    assert!(parents("src/lib.rs").is_empty());
    assert_eq!(parents("src/plan/mod.rs"), ["src/lib.rs"]);
    assert_eq!(parents("src/plan/job.rs"), ["src/plan.rs", "src/plan/mod.rs"]);
    assert_eq!(parents("tests/it/sweep.rs"), ["tests/it/main.rs"]);
    assert!(declares("pub mod plan;", "src/plan/mod.rs") && declares("pub(crate) mod job;", "src/plan/job.rs"));
    assert!(!declares("// mod job;\nmod jobs;", "src/plan/job.rs"));
}

#[test]
fn imports_follow_the_layers() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut seen = BTreeSet::new();
    for (path, text) in sources("src") {
        let Some((module, _)) = path["src/".len()..].split_once('/') else { continue };
        // Files that hold only tests may look anywhere.
        if path.ends_with("/tests.rs") || path.ends_with("/fixture.rs") {
            continue;
        }
        let code = code(&text);
        assert!(!climbs_out(&path, &code), "{path} leaves its module by super::, say crate:: instead");
        let allowed = allowed.get(module).unwrap_or_else(|| panic!("{module} is not in the list of layers"));
        seen.insert(module.to_owned());
        for import in imports(&code) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
            assert!(!known || import == module || allowed.contains(&import.as_str()), "{path} imports {import}");
        }
    }
    assert_eq!(seen.len(), MAY_IMPORT.len());
    // No cycles: every module imports only modules above it in the list.
    for (index, (module, imports)) in MAY_IMPORT.iter().enumerate() {
        for import in *imports {
            let position = MAY_IMPORT.iter().position(|(name, _)| name == import).unwrap();
            assert!(position < index, "{module} and {import}");
        }
    }
}

#[test]
fn files_are_headed_and_short() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        assert!(text.starts_with("//!"), "{path} does not open with a module comment");
        let lines = text.lines().count();
        assert!(!path.starts_with("src") || lines <= LONGEST, "{path} has {lines} lines");
    }
}

#[test]
fn printing_and_unsafe_stay_where_they_belong() {
    for (path, text) in sources("src") {
        let found = offenses(&path, &code(&text));
        assert!(found.is_empty(), "{path} {}", found.join(", "));
    }
}

/// Words of burn that end in products or convolutions whose kernels it chooses by tuning.
const TUNED: [&str; 12] = [
    "matmul",
    "float_matmul",
    "einsum",
    "linalg",
    "nn",
    "conv1d",
    "conv3d",
    "conv_transpose2d",
    "float_conv2d",
    "ConvOptions",
    "attention",
    "Autotune",
];
/// The files that may have such words: burn's own operations and the processor's products, which no GPU reaches, and what
/// calls the kernels of GPUs by name.
const MAY_TUNE: [&str; 3] = ["src/train/ops/cuda_kernels.rs", "src/train/ops/plain.rs", "src/train/ops/precision.rs"];
/// How kernels are called that multiply past the end of k (cubek issue 434), or of which nobody says which they are.
const WRONG: [&str; 4] = ["Double", "Ordered", "Specialized", "Auto"];

/// Of the words of some code, those that begin so and those that are so.
fn found<'a>(code: &'a str, beginnings: &[&str], whole: &[&str]) -> BTreeSet<&'a str> {
    let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let is_one = |word: &&str| whole.contains(word) || beginnings.iter().any(|beginning| word.starts_with(beginning));
    words.filter(is_one).collect()
}

#[test]
fn no_product_on_a_gpu_is_left_to_tuning() {
    let mut seen = BTreeSet::new();
    for (path, text) in sources("src").into_iter().filter(|(path, _)| path.starts_with("src/train/")) {
        if path.ends_with("/tests.rs") {
            continue;
        }
        let code = code(&text);
        let tuned = found(&code, &[], &TUNED);
        assert!(tuned.is_empty() || MAY_TUNE.contains(&path.as_str()), "{path}: {tuned:?}");
        seen.extend((!tuned.is_empty()).then_some(path.clone()));
        // Only there are kernels called by name.
        let calls = code.contains("cubek::") || code.contains("launch_ref");
        assert!(!calls || path == MAY_TUNE[0], "{path} calls kernels");
        if calls {
            let wrong = found(&code, &WRONG, &[]);
            assert!(wrong.is_empty(), "{path} calls kernels that may be wrong: {wrong:?}");
        }
    }
    assert!(seen.iter().eq(&MAY_TUNE), "{seen:?}");
}

#[test]
fn no_file_is_forgotten() {
    let files: BTreeMap<String, String> = sources("src").into_iter().chain(sources("tests/it")).collect();
    for path in files.keys() {
        let parents = parents(path);
        let declared = parents.iter().any(|parent| files.get(parent).is_some_and(|text| declares(text, path)));
        assert!(declared || parents.is_empty(), "{path} is declared nowhere in {}", parents.join(", "));
    }
}

/// What may lie in the repository's root besides hidden files and what `.gitignore` names.
const TOP_LEVEL: [&str; 14] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "build.rs",
    "docs",
    "results",
    "src",
    "sweeps",
    "tests",
];

#[test]
fn nothing_strays_into_the_top_level() {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored: BTreeSet<&str> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = name.starts_with('.') || TOP_LEVEL.contains(&&*name);
        assert!(known || ignored.contains(&&*name), "{name} does not belong in the top level");
    }
}
