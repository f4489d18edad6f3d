//! Sweep files as a user meets them: the first one, profiles, published numbers, what fields mean.

use std::fs;

use super::{Lab, SWEEP};

#[test]
fn a_run_is_verified_against_published_numbers() {
    let lab = Lab::new();
    let with = |values: &str, profile: &str| {
        let published =
            format!("published: (source: \"paper\", tolerance: 100, values: {values}),\n        metrics: [");
        let profiles = format!("profiles: {{\"{profile}\": ()}},\n    seeds:");
        lab.write(&SWEEP.replace("metrics: [", &published).replace("seeds:", &profiles));
    };
    with("[[50, None], [50, 1]]", "smoke");
    let (code, _, told) = lab.ablate(&["table", "tiny.ron", "--verify"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("0 of 0 cells within tolerance of the published numbers, 3 to come"), "{told}");
    let (_, told) = lab.run(&[]);
    assert!(told.contains("3 of 3 cells within tolerance of the published numbers, 0 to come"), "{told}");
    assert_eq!(lab.ablate(&["table", "tiny.ron", "--verify"]).0, 0);
    with("[[50, None], [500, 1]]", "smoke");
    let (code, _, told) = lab.ablate(&["run", "tiny.ron"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("2 of 3 cells within tolerance"), "{told}");
    // Another profile is another experiment: same jobs here, but not the paper's.
    let (code, _, told) = lab.ablate(&["table", "tiny.ron", "--verify", "--profile", "smoke"]);
    assert_eq!(code, 2, "{told}");
    let (code, out, told) = lab.ablate(&["run", "tiny.ron", "--profile", "smoke"]);
    assert_eq!(code, 0, "{told}");
    assert!(out.contains("profile: smoke") && told.contains("tables/tiny-smoke"), "{out} {told}");
}

#[test]
fn every_profile_is_checked() {
    let lab = Lab::new();
    lab.write(
        &SWEEP.replace("seeds:", "profiles: {\"good\": (), \"bad\": (base: (schedule: (epochs: 0)))},\n    seeds:"),
    );
    let (code, out, told) = lab.ablate(&["check", "tiny.ron"]);
    assert_eq!(code, 2);
    assert!(out.contains("tiny.ron: ok") && out.contains("tiny.ron, profile good: ok"), "{out}");
    assert!(told.contains("zero epochs"), "{told}");
    assert_eq!(lab.ablate(&["check", "tiny.ron", "--profile", "good"]).0, 0);
    let (code, _, told) = lab.ablate(&["run", "tiny.ron", "--profile", "god"]);
    assert_eq!(code, 2);
    assert!(told.contains("did you mean `good`?"), "{told}");
}

#[test]
fn a_newcomer_gets_a_file_to_start_from() {
    let lab = Lab::new();
    let (code, out, told) = lab.ablate(&["new", "mine.ron"]);
    assert_eq!(code, 0, "{out} {told}");
    let (code, out, _) = lab.ablate(&["check", "mine.ron"]);
    assert!(code == 0 && out.contains("4 trials × 2 seeds, 16 jobs"), "{out}");
    let written = fs::read(lab.path("mine.ron")).unwrap();
    let (code, _, told) = lab.ablate(&["new", "mine.ron"]);
    assert!(code == 2 && told.contains("choose another name"), "{told}");
    assert_eq!(fs::read(lab.path("mine.ron")).unwrap(), written);
}

#[test]
fn fields_are_explained() {
    let lab = Lab::new();
    let explain = |field: &str| lab.ablate(&["check", "--explain", field]);
    insta::assert_snapshot!(explain("encoder.stem").1, @r"
        encoder.stem
          one of the names below; must be written
          The first layers.
            Cifar     One 3 × 3 convolution with stride 1 and no pooling (paper appendix B.9).
            ImageNet  One 7 × 7 convolution and one 3 × 3 max pooling, each with stride 2 (He et al. 2016, Table 1).
    ");
    insta::assert_snapshot!(explain("Cutout.size").1, @r"
        augmentation.both.Cutout.size
        augmentation.first.Cutout.size
        augmentation.second.Cutout.size
        evaluation.train_augmentation.Cutout.size
          number; must be written
          Side of the square as a fraction of the image's side; DeVries & Taylor use 0.5 on CIFAR-10.
    ");
    insta::assert_snapshot!(explain("batch_size").1, @r"
        evaluation.batch_size
          whole number; must be written
          Images per step.

        schedule.batch_size
          whole number; must be written
          Images per step, N; each gives two views, so the loss sees 2N.
    ");
    let (code, _, told) = explain("optimizer.learn_rate");
    assert_eq!(code, 2);
    insta::assert_snapshot!(told, @"error: a recipe has no field `optimizer.learn_rate`; did you mean `optimizer.learning_rate`?");
}

#[test]
fn a_trial_tells_where_its_numbers_come_from() {
    let lab = Lab::new();
    let (code, out, _) = lab.ablate(&["explain", "tiny.ron", "temperature=cold"]);
    assert!(code == 0 && out.contains("missing"), "{out}");
    lab.run(&[]);
    let (code, out, told) = lab.ablate(&["explain", "tiny.ron", "temperature=cold"]);
    assert_eq!(code, 0, "{told}");
    assert!(
        out.starts_with("temperature = cold\nchanges of the base:\n  objective.NtXent.temperature: 0.5 → 0.1\n"),
        "{out}"
    );
    assert_eq!(out.matches(": job ").count(), 4, "two seeds, each with two jobs");
    for expected in [
        "seed 0\n  evaluate \"linear\": job ",
        "\nseed 1\n",
        "Top1 ",
        "protocol             linear evaluation on frozen h",
        "encoder              BLAKE3 ",
        "code                 ablate 0.1.0",
        "log                  results/jobs/",
        "ablate run tiny.ron --only temperature=cold --store results",
    ] {
        assert!(out.contains(expected), "{expected}\n{out}");
    }
    let told = |arguments: &[&str]| {
        let (code, _, told) = lab.ablate(&[&["explain", "tiny.ron"], arguments].concat());
        assert_eq!(code, 2, "{told}");
        told
    };
    insta::assert_snapshot!(told(&[]), @r#"error: several trials have these values: add "temperature=LABEL" with one of cold, warm"#);
    insta::assert_snapshot!(told(&["temperature=hot"]), @"error: tiny: `temperature` has no value `hot`; its values are: cold, warm");
    insta::assert_snapshot!(told(&["temp=cold"]), @"error: tiny: there is no axis `temp`; its axes are: temperature");
}

#[test]
fn the_page_of_a_sweep_opens_every_cell() {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("title: \"Tiny\", rows", "title: \"a < b & c\", rows"));
    lab.run(&[]);
    let page = fs::read_to_string(lab.path("results/tables/tiny/index.html")).unwrap();
    assert!(page.contains("<h2 id=\"tiny\">a &lt; b &amp; c</h2>"), "{page}");
    assert_eq!(page.matches("<button popovertarget=").count(), 4, "two rows of two metrics");
    assert!(page.contains("objective.NtXent.temperature: 0.5 → 0.1") && page.contains("BLAKE3"), "{page}");
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
        "it needs nothing else"
    );
    assert_eq!(page.matches("<svg ").count(), 3, "learning curves: loss, contrastive accuracy and entropy");
    for tag in ["svg", "table", "tr", "td", "th", "details", "summary", "pre", "ul", "li", "div", "h2"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn tables_are_drawn_and_damaged_epochs_cost_only_their_part_of_a_curve() {
    let lab = Lab::new();
    let metrics = "metrics: [(metric: Top1, evaluation: \"linear\"), (metric: Loss)]";
    assert!(SWEEP.contains(metrics));
    let one = "metrics: [(metric: Top1, evaluation: \"linear\")], figure: Bars(groups: Rows)";
    lab.write(&SWEEP.replace(metrics, one));
    lab.run(&[]);
    for file in ["tiny.svg", "curves-loss.svg", "curves-contrastive-accuracy.svg"] {
        let path = lab.path("results/tables/tiny").join(file);
        assert!(fs::read_to_string(&path).unwrap().starts_with("<svg "), "{file}");
        assert!(fs::read(path.with_extension("png")).unwrap().starts_with(b"\x89PNG"), "{file}");
    }
    for folder in fs::read_dir(lab.path("results/jobs")).unwrap() {
        let path = folder.unwrap().path().join("metrics.csv");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();
    }
    let (code, _, told) = lab.ablate(&["export", "tiny.ron", "--out", "elsewhere"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told.matches("metrics.csv: the last line ends in the middle").count(), 4, "{told}");
    let drawing = fs::read_to_string(lab.path("elsewhere/curves-loss.svg")).unwrap();
    assert!(drawing.contains("4 of 4 jobs left a damaged file"), "{drawing}");
}
