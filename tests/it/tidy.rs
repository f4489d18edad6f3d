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

/// Folders in which `unsafe` may stand: vector instructions, and what happens between fork and exec.
const UNSAFE: [&str; 2] = ["src/train/ops/", "src/schedule/process.rs"];

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
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
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
        let allowed = allowed.get(module).unwrap_or_else(|| panic!("{module} is not in the list of layers"));
        seen.insert(module.to_owned());
        for import in imports(&code(&text)) {
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
        let code = code(&text);
        let prints = ["println!", "print!(", "dbg!"].iter().any(|word| code.contains(word));
        assert!(!prints || path.starts_with("src/cli/"), "{path} prints");
        let unsafe_code = code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl");
        assert!(!unsafe_code || UNSAFE.iter().any(|place| path.starts_with(place)), "{path} is unsafe");
        let unfinished = ["todo!(", "unimplemented!("].iter().any(|word| code.contains(word));
        assert!(!unfinished, "{path} is unfinished");
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "{name} is not in tests/it/main.rs");
    }
}
