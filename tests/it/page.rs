//! The HTML page in a real browser: its cells are clicked, nothing is loaded, and it fits the window.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::cli::Lab;

/// Clicks every cell in turn and writes what came of it into attributes of the body.
const PROBE: &str = r#"<script>
const visible = element => element.getBoundingClientRect().height > 0;
const panels = [...document.querySelectorAll("[popover]")];
const before = panels.filter(visible).length;
let opened = 0, alone = 0;
for (const cell of document.querySelectorAll("button[popovertarget]")) {
    cell.click();
    const panel = document.getElementById(cell.getAttribute("popovertarget"));
    opened += visible(panel) && panel.textContent.includes("seed 0");
    alone += panels.filter(visible).length == 1;
    if (location.hash.endsWith("leave-open")) break;
    cell.click();
}
const after = panels.filter(visible).length;
const requests = performance.getEntriesByType("resource").length;
const wide = document.documentElement.scrollWidth > innerWidth;
document.body.dataset.probe = JSON.stringify({ cells: panels.length, before, opened, alone, after, requests, wide });
</script>"#;

/// Chromium's name where it is installed.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|found| found.status.success()))
}

/// Runs the browser on a page; its profile lies in the folder of the page.
fn browse(browser: &str, page: &Path, hash: &str, arguments: &[&str]) -> Output {
    let profile = page.with_file_name("profile");
    Command::new(browser)
        // The sandbox needs rights that containers do not give.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,900"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(format!("file://{}{hash}", page.display()))
        .output()
        .unwrap()
}

#[test]
fn cells_open_one_at_a_time_and_nothing_is_loaded() {
    let Some(browser) = browser() else {
        assert!(std::env::var_os("ABLATE_TEST_BROWSER").is_none(), "there is no Chromium");
        eprintln!("skipped: there is no Chromium");
        return;
    };
    let lab = Lab::new();
    lab.run(&[]);
    let html = fs::read_to_string(lab.path("results/tables/tiny/index.html")).unwrap();
    let page = lab.path("page.html");
    fs::write(&page, html.replace("</body>", &format!("{PROBE}</body>"))).unwrap();
    let Output { stdout, stderr, .. } = browse(browser, &page, "", &["--dump-dom"]);
    let dom = String::from_utf8(stdout).unwrap();
    let probe = dom.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next());
    let probe = probe.unwrap_or_else(|| panic!("{dom}\n{}", String::from_utf8_lossy(&stderr))).replace("&quot;", "\"");
    let seen = serde_json::json!({
        "cells": 4, "before": 0, "opened": 4, "alone": 4, "after": 0, "requests": 0, "wide": false
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&probe).unwrap(), seen);

    let picture = lab.path("page.png");
    browse(browser, &page, "#leave-open", &[&format!("--screenshot={}", picture.display())]);
    let mut reader = png::Decoder::new(std::io::BufReader::new(fs::File::open(&picture).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    // Text, lines and the opened panel; a blank page has one color.
    let colors: std::collections::BTreeSet<&[u8]> = pixels.chunks(3).collect();
    assert!(colors.len() > 20, "{}", colors.len());
}
