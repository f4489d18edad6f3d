#!/usr/bin/env bash
# Every measurement on a GPU, on a machine that has the driver, CUDA's libraries and python3 with torch, but neither Rust
# nor a network.
#
#     benches/gpu.sh pack                      builds here, and writes target/gpu-pack.tar.gz
#     benches/gpu.sh measure PACK OUT [DATA]   measures there, within 540 s, and writes into OUT (also a variable); DATA
#                                              is the folder of CIFAR-10's files
#     benches/gpu.sh result PACK STORE DATA    100 epochs of CIFAR-10 there; stops after LIMIT seconds, goes on when
#                                              called again
#     benches/gpu.sh rehearse PACK OUT         what `measure` does, on the processor, with tiny networks
#
# OUT/gpu.md has the tables and what failed, OUT/gpu.log all that was said. Variables: PYTHON is the python3 with torch,
# BUDGET the seconds for `measure`, LIMIT those for `result`, GPU the device as `ablate run --devices` names it; with
# FEATURES= a pack is built that can only be rehearsed.
set -euo pipefail

PYTHON=${PYTHON:-python3}
BUDGET=${BUDGET:-540}
LIMIT=${LIMIT:-560}
export GPU=${GPU:-cuda:0}
FEATURES=${FEATURES-cuda}

# As benches/pytorch/main.rs prints it.
STEP_HEADER='| step | | a step (fastest) | images/s | of ablate'"'"'s | share of the ceiling | first step | tensors at most | memory held | loss of the first and last step |
|---|---|---|---|---|---|---|---|---|---|'

fail() {
    echo "gpu.sh: $*" >&2
    exit 2
}

pack() {
    local root built program bench
    root=$(cd "$(dirname "$0")/.." && pwd)
    cd "$root"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    built=$folder/built.json
    cargo build --release --locked --features "$FEATURES" --bin ablate --bench pytorch --message-format json >"$built"
    program=$(executable "$built" ablate)
    bench=$(executable "$built" pytorch)
    mkdir "$folder/gpu-pack"
    cp "$program" "$folder/gpu-pack/ablate"
    cp "$bench" "$folder/gpu-pack/pytorch"
    strip "$folder/gpu-pack/ablate" "$folder/gpu-pack/pytorch"
    cp benches/gpu.sh benches/gpu/*.ron benches/gpu/summary.py benches/pytorch/pytorch.py sweeps/cifar10-resnet18.ron \
        "$folder/gpu-pack"
    tar --create --file - --directory "$folder" gpu-pack | gzip -9 >target/gpu-pack.tar.gz
    du --bytes target/gpu-pack.tar.gz
}

# The executable of a target, from cargo's messages.
executable() {
    "$PYTHON" - "$1" "$2" <<'PYTHON'
import json, sys
found = [m["executable"] for m in map(json.loads, open(sys.argv[1])) if m.get("executable") and m["target"]["name"] == sys.argv[2]]
print(found[-1]) if found else sys.exit(f"cargo built no {sys.argv[2]}")
PYTHON
}

# Unpacks into $work, which goes at the end. Everything below runs there.
unpack() {
    [[ -f $1 ]] || fail "no pack $1: benches/gpu.sh pack makes one, where Rust is"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    tar --extract --gzip --file "$1" --directory "$work"
    export TMPDIR=$work
    tools=$work/gpu-pack
}

# CUDA's compiler and headers: those of the toolkit, or else those of torch's packages.
find_cuda() {
    if [[ -n ${CUDA_PATH:-} || -e /usr/local/cuda/include/cuda_runtime.h || -e /opt/cuda/include/cuda_runtime.h ]]; then
        return
    fi
    local found
    found=$("$PYTHON" - <<'PYTHON'
import pathlib, sysconfig
root = pathlib.Path(sysconfig.get_path("purelib")) / "nvidia"
headers = sorted(root.glob("*/include/cuda_runtime.h"))
compilers = sorted(root.glob("*/lib/libnvrtc.so.*"))
if headers and compilers:
    print(headers[0].parent.parent, compilers[0].parent)
PYTHON
    )
    if [[ -z $found ]]; then
        say "no toolkit in the usual places, none in torch's packages: the doctor says what is missing"
        return
    fi
    export CUDA_PATH=${found% *}
    export LD_LIBRARY_PATH=${found#* }${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    say "no toolkit in the usual places; that of torch's packages: CUDA_PATH=$CUDA_PATH, LD_LIBRARY_PATH=$LD_LIBRARY_PATH"
}

say() {
    echo "$*" | tee -a "$out/gpu.log"
}

# Runs a part for at most so many seconds, or until the budget is spent; $work/part has what it printed. Its outcome goes
# into the list of parts. The part may have been meant to be stopped.
part() {
    local name=$1 limit=$2 meant=$3 left code=0 begin=$SECONDS how
    shift 3
    left=$((BUDGET - SECONDS))
    : >"$work/part"
    if ((left < 5)); then
        failed "$name" "left out, for the time is spent"
        return 1
    fi
    ((limit < left)) || limit=$left
    say "== $name, at most $limit s, at ${begin} s: $*"
    timeout --kill-after=15 "$limit" "$@" >"$work/part" 2>"$work/errors" || code=$?
    cat "$work/part" "$work/errors" >>"$out/gpu.log"
    if [[ $code == 0 ]]; then
        how="done"
    elif [[ $code == 124 && $meant == stops ]]; then
        how="stopped, as it was meant to be"
        code=0
    elif [[ $code == 124 || $code == 137 ]]; then
        how="FAILED: ran past its limit"
    else
        how="FAILED with $code: $(sed '/^ *$/d' "$work/errors" | tail -1 | tr '|' '/' | cut -c -200)"
    fi
    parts+=("| $name | $((SECONDS - begin)) s | $how |")
    if [[ $how == FAILED* ]]; then
        failures=$((failures + 1))
    fi
    say "-- $name: $how"
    return "$code"
}

# Counts a part that did not even start, or whose results cannot be read.
failed() {
    parts+=("| $1 | | FAILED: $2 |")
    failures=$((failures + 1))
    say "-- $1: FAILED: $2"
}

# Adds lines to the report.
report() {
    printf '%s\n' "$@" >>"$work/report.md"
}

# A new store, which shares its kernels with the others.
store() {
    mkdir -p "$work/kernels" "$work/$1"
    ln -s "$work/kernels" "$work/$1/kernels"
    echo "$work/$1"
}

run_sweep() {
    local name=$1 limit=$2 meant=$3 file=$4
    shift 4
    part "$name" "$limit" "$meant" "$tools/ablate" run "$tools/$file" --grace 5 --attempts 1 --quiet "$@"
}

# The tiny jobs on the GPU twice, with kernels to compile and without, and on the processor.
correctness() {
    local where name place
    for name in first second processor; do
        place=$GPU
        [[ $name == processor ]] && place=cpu
        where=$(store "tiny-$name")
        run_sweep "tiny jobs, $name" 120 ends tiny.ron --devices "$place" --jobs 1 --store "$where" || true
        "$tools/ablate" table "$tools/tiny.ron" --store "$where" --format tidy >"$work/$name.csv" || true
    done
    report "" "## Losses, and what starting costs" ""
    summary "tiny jobs, summary" losses "$work/first.csv" "$work/second.csv" "$work/processor.csv"
}

# Rows of Markdown from the stores.
summary() {
    local name=$1
    shift
    if "$PYTHON" "$tools/summary.py" "$@" >"$work/rows" 2>"$work/errors"; then
        report "$(cat "$work/rows")"
    else
        failed "$name" "$(tail -1 "$work/errors")"
    fi
}

# Single steps beside PyTorch's, each case in a part of its own.
comparison() {
    local precision=$1 limit=$2 step
    report "" "## A training step beside PyTorch's, $precision" "" "$STEP_HEADER"
    for step in $steps; do
        part "step of $step, $precision" "$limit" ends "$tools/pytorch" --device "$device" --cases "$step" --precision \
            "$precision" --python "$PYTHON" --ways "$ways" --script "$tools/pytorch.py" --kernels "$work/kernels-steps" \
            --seconds $((limit * 6 / 10)) || true
        # After the header, which stands above already.
        sed -n '3,$ { /^|/ p }' "$work/part" >>"$work/report.md"
    done
}

# A whole pretraining for some seconds, from which follows what an epoch of CIFAR-10 takes.
epoch() {
    local data=$1 limit=$2 what="CIFAR-10's images" where
    if [[ -z $data ]]; then
        data=$work/made-up
        what="random pixels in CIFAR-10's format"
        "$PYTHON" "$tools/summary.py" made-up "$data"
    fi
    where=$(store epoch)
    report "" "## $epoch_title, on $what" "" "| jobs | images/s | of each | epochs measured |" "|---|---|---|---|"
    run_sweep "epochs of CIFAR-10" "$limit" stops cifar10-resnet18.ron --devices "$GPU" --jobs 1 \
        --only training=SimCLR --data-dir "$data" --store "$where" || true
    summary "epochs of CIFAR-10, summary" rates "$where"
}

# So many small jobs at a time. Not by one `ablate run`, which adds jobs to a GPU only as long as that pays.
packing() {
    local limit=$1 count job stores
    report "" "## Small jobs that share the device (ResNet-8, 2,000 images of 24 px, batch 64, bfloat16)" ""
    report "| jobs | images/s together | of each | epochs measured |" "|---|---|---|---|"
    for count in $crowds; do
        # The jobs stop by themselves, and would outlive a part that is cut short.
        if ((BUDGET - SECONDS < limit + 25)); then
            failed "$count small jobs" "left out, for the time is spent"
            continue
        fi
        stores=()
        for job in $(seq "$count"); do
            stores+=("$(store "packing-$count-$job")")
        done
        part "$count small jobs" $((limit + 25)) ends "$BASH" "$tools/gpu.sh" together "$tools" "$limit" "${stores[@]}" || true
        summary "$count small jobs, summary" rates "${stores[@]}"
    done
}

# Runs a small job for each store, in processes of their own and each on its share of the cores, and stops them all.
together() {
    local tools=$1 limit=$2 cores share first job=0 code sound=0 store process processes=()
    shift 2
    cores=$(nproc)
    share=$((cores / $#))
    ((share > 0)) || share=1
    for store in "$@"; do
        first=$((job * share % cores))
        job=$((job + 1))
        timeout --kill-after=15 "$limit" taskset --cpu-list "$first-$((first + share - 1))" "$tools/ablate" run \
            "$tools/packing.ron" --devices "$GPU" --only "job=$job" --store "$store" --grace 5 --attempts 1 --quiet &
        processes+=($!)
    done
    for process in "${processes[@]}"; do
        code=0
        wait "$process" || code=$?
        [[ $code == 124 ]] || sound=1
    done
    return "$sound"
}

finish() {
    {
        echo "# Measured by benches/gpu.sh on $(date --utc +%F), $SECONDS s"
        echo
        echo '```'
        cat "$work/doctor"
        echo '```'
        cat "$work/report.md"
        echo
        echo "## Parts"
        echo
        echo "| part | took | |"
        echo "|---|---|---|"
        printf '%s\n' "${parts[@]}"
    } >"$out/gpu.md"
    cat "$out/gpu.md"
    if ((failures > 0)); then
        echo "gpu.sh: $failures parts failed; $out/gpu.log says more" >&2
        exit 1
    fi
}

doctor() {
    part doctor 30 ends "$tools/ablate" doctor --store "$work/no-store" || true
    cp "$work/part" "$work/doctor"
    part "what there is" 60 ends "$PYTHON" -c 'import torch; print("torch", torch.__version__, "CUDA", torch.version.cuda, torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")' || true
    cat "$work/part" >>"$work/doctor"
    sha256sum "$tools/ablate" "$tools/pytorch" >>"$out/gpu.log"
}

prepare() {
    out=${2:-${OUT:-}}
    [[ $# -ge 1 && -n $out ]] || fail "name the pack and a folder for what is measured"
    mkdir -p "$out"
    : >"$out/gpu.log"
    parts=()
    failures=0
    unpack "$1"
    : >"$work/report.md"
}

measure() {
    prepare "$@"
    find_cuda
    device=cuda
    steps="resnet18 resnet50-224 resnet50"
    ways=channels-last,compiled
    crowds="1 2 4 8"
    epoch_title="ResNet-18, 50,000 images an epoch, batch 512, bfloat16"
    doctor
    correctness
    comparison bfloat16 100
    epoch "${3:-}" 60
    packing 18
    comparison float32 50
    finish
}

rehearse() {
    prepare "$@"
    GPU=cpu
    device=rehearsal
    crowds="1 2"
    epoch_title="A network and a share of the images that are small enough for a processor"
    sed -i 's/ResNet18/ResNet8/; s/width: 1.0/width: 0.25/; s/train_images: All/train_images: 1030/' "$tools/cifar10-resnet18.ron"
    doctor
    correctness
    steps=resnet8
    ways=channels-last,compiled
    comparison bfloat16 120
    epoch "${3:-}" 20
    packing 18
    # The compiler takes minutes for ResNet-50.
    steps="resnet8 resnet50-32"
    ways=channels-last
    comparison float32 60
    finish
}

result() {
    [[ $# == 3 ]] || fail "name the pack, a store and the folder of CIFAR-10's files"
    local code=0
    unpack "$1"
    out=$work
    find_cuda
    timeout --kill-after=40 "$LIMIT" "$tools/ablate" run "$tools/cifar10-resnet18.ron" --devices "$GPU" --jobs 1 \
        --grace 30 --store "$2" --data-dir "$3" || code=$?
    "$tools/ablate" table "$tools/cifar10-resnet18.ron" --store "$2"
    [[ $code != 124 ]] || say "stopped after $LIMIT s: the same command goes on from the checkpoint"
    exit "$code"
}

main() {
    local command=${1:-}
    shift || true
    case $command in
        pack) pack ;;
        measure) measure "$@" ;;
        rehearse) rehearse "$@" ;;
        result) result "$@" ;;
        together) together "$@" ;;
        *) fail "say pack, measure, rehearse or result; the head of this file says more" ;;
    esac
}

# One line, so that nothing is read of this file after it has run: it may have changed by then.
main "$@"; exit
