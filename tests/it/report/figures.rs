//! Tables as drawings: what stands where, what is missing, and that any table can be drawn.

use std::{fs, path::Path};

use ablate::{
    report::{Table, figure, png},
    sweep::{Figure, Published, Side, Source},
};
use proptest::prelude::*;

use super::*;

const BARS: Figure = Figure::Bars { groups: Side::Rows };
const SCATTER: Figure = Figure::Scatter { series: Side::Columns };

/// The results of a shipped sweep, invented: its published numbers, or numbers alike, a little apart for each seed.
fn shipped(name: &str, seeds: &[u64], profile: Option<&str>) -> Results {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps");
    let include = |name: &str| Ok((name.to_owned(), fs::read_to_string(folder.join(name)).unwrap()));
    let text = fs::read_to_string(folder.join(format!("{name}.ron"))).unwrap();
    let mut sweep = Source { name, text: &text, profile, include: &include }.parse().unwrap();
    sweep.seeds = seeds.to_vec();
    let mut results = Results::none(vec![sweep]);
    let table = results.table();
    let published: BTreeMap<_, _> =
        table.cells().filter_map(|cell| Some((cell.points.first()?.clone(), cell.published?.value))).collect();
    for (number, trial) in results.plan.trials.iter().enumerate() {
        let invented = 60.0 + 30.0 * (1.0 - 8.0 / (8.0 + (number % 50) as f64));
        let value = published.get(&trial.point).copied().unwrap_or(invented);
        let apart = [0.0, 0.7, -0.4][trial.seed as usize % 3] - 0.3 * (number % 4) as f64;
        for id in &trial.evaluations {
            let metrics = Metrics::from([(Metric::Top1, value + apart), (Metric::Top5, value + apart)]);
            results.views.insert(*id, JobView::Done(record("linear", metrics).into()));
        }
    }
    results
}

/// Two axes of two values with two seeds and one metric: 5.75, 25.75, 45.75 and 65.75 ± 0.35.
fn drawn(kind: Figure, change: impl FnOnce(&mut Sweep)) -> Results {
    let mut sweep = two_by_two(&[0, 1]);
    sweep.tables[0].metrics.truncate(1);
    sweep.tables[0].figure = Some(kind);
    change(&mut sweep);
    Results::complete(vec![sweep])
}

fn svg(results: &Results) -> String {
    figure(&results.sweeps[0], &results.table()).unwrap()
}

/// All texts of a drawing with their places, and the shapes under each explanation.
struct Seen {
    width: f64,
    height: f64,
    texts: Vec<(String, f64, f64)>,
    /// How far level texts reach to the left and to the right at least.
    reach: (f64, f64),
    explained: Vec<(String, Vec<[f64; 4]>)>,
}

impl Seen {
    /// Reads a drawing, which must be well-formed and hold finite numbers only.
    fn new(svg: &str) -> Self {
        let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
        let number = |node: &roxmltree::Node, name: &str| -> f64 {
            node.attribute(name).unwrap_or("0").parse().unwrap_or_else(|_| panic!("{name} of {node:?}"))
        };
        for node in document.descendants() {
            for attribute in node.attributes() {
                let value = attribute.value();
                assert!(!["NaN", "inf"].iter().any(|wrong| value.contains(wrong)), "{value}");
            }
        }
        // A capital W is wider than this, most letters are; an i is not.
        let level = document.descendants().filter(|node| node.has_tag_name("text") && !node.has_attribute("transform"));
        let reach = level.fold((f64::INFINITY, 0.0), |(left, right): (f64, f64), node| {
            let length = 0.4 * number(&node, "font-size") * node.text().unwrap_or("").chars().count() as f64;
            let x = number(&node, "x");
            let before = match node.attribute("text-anchor") {
                Some("end") => length,
                Some("middle") => length / 2.0,
                _ => 0.0,
            };
            (left.min(x - before), right.max(x - before + length))
        });
        let root = document.root_element();
        let of = |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
        let texts = of("text")
            .map(|node| (node.text().unwrap_or("").to_owned(), number(&node, "x"), number(&node, "y")))
            .collect();
        let explained = of("g")
            .map(|group| {
                let title = group.first_element_child().unwrap().text().unwrap_or("").to_owned();
                let shapes = group.children().filter(|node| node.has_tag_name("rect"));
                (title, shapes.map(|node| ["x", "y", "width", "height"].map(|name| number(&node, name))).collect())
            })
            .collect();
        Self { width: number(&root, "width"), height: number(&root, "height"), texts, reach, explained }
    }

    /// Where a text is.
    fn place(&self, text: &str) -> (f64, f64) {
        let found = self.texts.iter().find(|(found, ..)| found == text);
        let (_, x, y) = found.unwrap_or_else(|| panic!("no text {text:?} in {:?}", self.texts));
        (*x, *y)
    }

    fn says(&self, text: &str) -> bool {
        // Notes may take several lines.
        let all: Vec<&str> = self.texts.iter().map(|(text, ..)| text.as_str()).collect();
        all.join(" ").contains(text)
    }

    /// The only shape under an explanation that begins so.
    fn shape(&self, text: &str) -> [f64; 4] {
        let found: Vec<_> = self.explained.iter().filter(|(title, _)| title.starts_with(text)).collect();
        assert!(found.len() == 1 && found[0].1.len() == 1, "{text}: {found:?}");
        found[0].1[0]
    }
}

#[test]
fn bars_are_as_high_as_their_numbers() {
    let results = drawn(BARS, |_| ());
    let seen = Seen::new(&svg(&results));
    // From the middle of a tick's label to that of another.
    let (zero, eighty) = (seen.place("0").1, seen.place("80").1);
    let mut before = 0.0;
    for (label, value) in
        [("64, τ = 0.1: 5.8 ± 0.4", 5.75), ("64, τ = 0.5", 25.75), ("128, τ = 0.1", 45.75), ("128, τ = 0.5", 65.75)]
    {
        let [x, _, width, height] = seen.shape(label);
        assert!((height - (zero - eighty) * value / 80.0).abs() < 0.05, "{label}: {height}");
        assert!(x > before, "{label}");
        before = x + width - 0.02;
    }
    assert_eq!(seen.place("batch size").1.max(seen.place("64").1), seen.place("batch size").1);
    assert!(seen.says("temperature:") && seen.says("± standard deviation") && seen.says("top-1 (%)"));
    assert!(!seen.says("begins at") && !seen.says("no number"));
}

#[test]
fn groups_can_be_columns_and_axes_of_close_numbers_say_where_they_begin() {
    let mut results = drawn(Figure::Bars { groups: Side::Columns }, |_| ());
    let ids: Vec<JobId> = results.plan.trials.iter().map(|trial| trial.evaluations[0]).collect();
    for id in ids {
        results.edit(id, |record| {
            *record.metrics.get_mut(&Metric::Top1).unwrap() = 60.0 + record.metrics[&Metric::Top1] / 10.0;
        });
    }
    let seen = Seen::new(&svg(&results));
    let order = ["τ = 0.1, 64", "τ = 0.1, 128", "τ = 0.5, 64", "τ = 0.5, 128"].map(|label| seen.shape(label)[0]);
    assert!(order.is_sorted(), "{order:?}");
    assert!(seen.says("the upright axis begins at 55") && seen.says("batch size:"), "{:?}", seen.texts);
}

#[test]
fn cells_without_numbers_have_no_bar_and_are_counted() {
    let mut results = drawn(BARS, |sweep| {
        let values = vec![vec![Some(7.0), None], vec![Some(50.0), None]];
        let source = "SimCLR & others, Table 1".to_owned();
        sweep.tables[0].published = Some(Published { source, tolerance: vec![1.0], values });
    });
    let [_, failed] = results.jobs(&[0, 1], 1);
    results.views.insert(failed, JobView::Failed { class: "bug".to_owned(), message: "oh".to_owned() });
    let [_, missing] = results.jobs(&[1, 0], 0);
    results.views.remove(&missing);
    let seen = Seen::new(&svg(&results));
    for absent in ["64, τ = 0.5: FAILED", "128, τ = 0.1: 46.0 (1/2 seeds) (paper 50.0)"] {
        let (_, shapes) = seen.explained.iter().find(|(title, _)| title == absent).unwrap();
        assert!(shapes.is_empty(), "{absent}");
    }
    assert!(seen.says("2 of 4 cells are no numbers: 1 failed (×), 1 some seeds to come (?)"));
    assert!(seen.texts.iter().any(|(text, ..)| text == "×") && seen.texts.iter().any(|(text, ..)| text == "?"));
    assert!(seen.says("SimCLR & others, Table 1"));
}

#[test]
fn points_stand_over_the_known_sizes_of_their_encoders() {
    let drawing = svg(&shipped("figure7", &[0], None));
    let seen = Seen::new(&drawing);
    let (zero, all) = (seen.place("0").0, seen.place("400").0);
    // Parameters of torchvision's models in millions, less those of their classifiers; 375 as the paper gives it.
    for (label, millions) in
        [("ResNet-18 1x", 11.177), ("ResNet-50 1x", 23.508), ("ResNet-152 1x", 58.144), ("ResNet-50 4x", 375.0)]
    {
        let start = drawing.find(&format!("<g><title>SimCLR, {label}:")).unwrap();
        // Published numbers are hollow; the last dot under the explanation is ours.
        let group = &drawing[start..start + drawing[start..].find("</g>").unwrap()];
        let dot = group.rsplit("<path d=\"M").next().unwrap();
        let left: f64 = dot[..dot.find(' ').unwrap()].parse().unwrap();
        let found = (left + 4.0 - zero) / (all - zero) * 400.0;
        assert!((found - millions).abs() < 0.4, "{label}: {found}");
    }
    for text in [
        "SimCLR, 1000 epochs",
        "Supervised",
        "parameters of the encoder (millions)",
        "SimCLR, Figure 7, as drawn (hollow)",
    ] {
        assert!(seen.says(text), "{text}");
    }
    // Every point has its label: 15 of SimCLR, some of them absent from the paper, and the others of ResNet-50.
    assert_eq!(seen.texts.iter().filter(|(text, ..)| text.starts_with("ResNet-")).count(), 19);
}

#[test]
fn labels_of_points_do_not_cover_each_other() {
    let seen = Seen::new(&svg(&shipped("figure7", &[0, 1, 2], None)));
    let labels: Vec<_> = seen.texts.iter().filter(|(text, ..)| text.starts_with("ResNet-")).collect();
    for (index, one) in labels.iter().enumerate() {
        for other in &labels[..index] {
            assert!((one.2 - other.2).abs() > 9.0 || (one.1 - other.1).abs() > 50.0, "{one:?} {other:?}");
        }
    }
}

#[test]
fn outer_axes_of_groups_make_panels() {
    let mut results = shipped("figureB7", &[0], None);
    // The last table has a cell for every run.
    results.sweeps[0].tables.rotate_right(1);
    let seen = Seen::new(&svg(&results));
    let titles: Vec<&str> =
        seen.texts.iter().map(|(text, ..)| text.as_str()).filter(|text| text.starts_with('τ')).collect();
    assert_eq!(titles.len(), 9);
    assert_eq!(titles[0], "τ 0.1, learning rate 0.5");
    // The innermost of the outer axes runs along each line.
    let [first, next, below] = [titles[0], titles[1], titles[3]].map(|title| seen.place(title));
    assert!(first.1 == next.1 && first.0 < next.0 && first.0 == below.0 && first.1 < below.1);
    assert_eq!(seen.explained.len(), 450);
}

#[test]
fn few_alike_or_no_cells_are_drawn() {
    let one_cell = |sweep: &mut Sweep| {
        sweep.axes.iter_mut().for_each(|axis| axis.values.truncate(1));
    };
    for kind in [Figure::HeatMap, BARS, Figure::Bars { groups: Side::Columns }, SCATTER] {
        let results = drawn(kind, one_cell);
        Seen::new(&svg(&results));
        let mut alike = drawn(kind, |_| ());
        let ids: Vec<JobId> = alike.plan.trials.iter().map(|trial| trial.evaluations[0]).collect();
        for id in ids {
            alike.edit(id, |record| record.metrics = Metrics::from([(Metric::Top1, 40.0)]));
        }
        assert!(!Seen::new(&svg(&alike)).says("begins at"), "equal bars begin at zero");
        let empty = Table { rows: vec![], columns: vec![], ..alike.table() };
        let drawing = figure(&alike.sweeps[0], &empty).unwrap();
        Seen::new(&drawing);
        assert!(png(&drawing).unwrap().starts_with(b"\x89PNG"));
        Seen::new(&svg(&Results::none(alike.sweeps)));
    }
}

#[test]
fn drawings_stay_inside_their_edges_whatever_the_labels() {
    for kind in [Figure::HeatMap, BARS, SCATTER] {
        let results = drawn(kind, |sweep| {
            sweep.axes[0].values[0].label = "a very long label ".repeat(30);
            sweep.axes[1].values[1].label = "W".repeat(300);
            sweep.axes[1].name = "<temperature> & \"more\"".repeat(9);
        });
        let drawing = svg(&results);
        let seen = Seen::new(&drawing);
        for (text, x, y) in &seen.texts {
            assert!((0.0..=seen.width).contains(x) && (0.0..=seen.height).contains(y), "{text}");
        }
        assert!(seen.reach.0 >= 0.0 && seen.reach.1 <= seen.width, "{kind:?}: {:?} of {}", seen.reach, seen.width);
        assert!(seen.width < 1500.0 && seen.height < 1500.0, "{} {}", seen.width, seen.height);
        assert!(png(&drawing).is_ok());
    }
}

/// Every shipped figure with invented numbers, to look at: `target/tmp/gallery/*.png`.
#[test]
fn gallery() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    fs::create_dir_all(&folder).unwrap();
    for (file, sweep, seeds) in [
        ("figure5", "figure5", &[0][..]),
        ("figure7", "figure7", &[0, 1, 2]),
        ("figure8", "figure8", &[0, 1, 2]),
        ("figure9", "figure9", &[0, 1, 2]),
        ("figureB7", "figureB7", &[0]),
        ("tableB1", "tableB1", &[0, 1, 2]),
        ("gaps", "figure8", &[0, 1]),
    ] {
        let mut results = shipped(sweep, seeds, None);
        if file == "gaps" {
            let ids: Vec<JobId> = results.plan.trials.iter().map(|trial| trial.evaluations[0]).collect();
            let failed = JobView::Failed { class: "out of memory".to_owned(), message: "oh".to_owned() };
            results.views.insert(ids[4], failed);
            results.views.remove(&ids[11]);
            results.views.remove(&ids[20]);
        }
        let drawing = svg(&results);
        Seen::new(&drawing);
        let picture = png(&drawing).unwrap();
        fs::write(folder.join(format!("{file}.svg")), &drawing).unwrap();
        fs::write(folder.join(format!("{file}.png")), &picture).unwrap();
        // Equal inputs give equal bytes.
        assert_eq!((svg(&results), png(&drawing).unwrap()), (drawing, picture));
    }
}

/// What one seed of a cell may be.
#[derive(Clone, Debug)]
enum Outcome {
    Value(f64),
    Failed,
    Missing,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => prop_oneof![0.0..100.0_f64, -1e-9..1e-9_f64, prop::num::f64::NORMAL].prop_map(Outcome::Value),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Missing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_table_is_drawn_well_formed(
        outcomes in prop::collection::vec(outcome(), 8),
        published in prop::collection::vec(prop::option::of(-1e3..1e3_f64), 4),
        labels in prop::collection::vec("\\PC{1,30}", 6),
        kind in prop::sample::select(vec![
            Figure::HeatMap, BARS, Figure::Bars { groups: Side::Columns }, SCATTER, Figure::Scatter { series: Side::Rows },
        ]),
        average: bool,
    ) {
        let mut results = drawn(kind, |sweep| {
            sweep.tables[0].average = average;
            let mut labels = labels.into_iter();
            for axis in &mut sweep.axes {
                axis.name = labels.next().unwrap();
                axis.values.iter_mut().for_each(|value| value.label = labels.next().unwrap());
            }
            let row = |row: &[Option<f64>]| row.iter().copied().chain(average.then_some(None)).collect();
            let values = vec![row(&published[..2]), row(&published[2..])];
            sweep.tables[0].published = Some(Published { source: "<&>".to_owned(), tolerance: vec![1.0], values });
        });
        let ids: Vec<JobId> = results.plan.trials.iter().map(|trial| trial.evaluations[0]).collect();
        for (id, outcome) in ids.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Value(value) => results.edit(id, |record| record.metrics = Metrics::from([(Metric::Top1, value)])),
                Outcome::Missing => drop(results.views.remove(&id)),
                Outcome::Failed => {
                    let failed = JobView::Failed { class: "bug".to_owned(), message: "oh".to_owned() };
                    results.views.insert(id, failed);
                }
            }
        }
        let drawing = svg(&results);
        let seen = Seen::new(&drawing);
        prop_assert!(seen.width > 100.0 && seen.width < 5000.0 && seen.height > 100.0 && seen.height < 5000.0);
        prop_assert!(png(&drawing).is_ok());
    }
}
