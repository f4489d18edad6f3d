//! `run --detach`: the run goes on in the background, and does not end with the terminal.

use std::{
    ffi::OsString,
    fs::{self, File},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    cli::{CliError, args::RunArgs, error::chain, machine, print, shell::quoted},
    store::Store,
};

/// Time between two looks at whether the run has begun.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts the same command in the background, and says how to look after it once it is at work.
pub fn detach(args: &RunArgs) -> Result<(), CliError> {
    let failed =
        |what: &str, error: &dyn std::error::Error| CliError::failed(format!("cannot {what}: {}", chain(error)));
    let store = Store::create(&args.sweeps.store)?;
    store.make_cluster_folder()?;
    let log = store.cluster_folder().join("run.log");
    let out = File::create(&log).map_err(|error| failed(&format!("write {}", log.display()), &error))?;
    let err = out.try_clone().map_err(|error| failed("share the log", &error))?;
    let program = std::env::current_exe().map_err(|error| failed("find the program itself", &error))?;
    let own: Vec<OsString> = std::env::args_os().skip(1).filter(|argument| argument != "--detach").collect();
    let mut child = Command::new(program)
        .args(own)
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|error| failed("start the run", &error))?;
    if !is_at_work(&mut child, &store).map_err(|error| failed("wait for the run", &error))? {
        let status = child.wait().map_err(|error| failed("wait for the run", &error))?;
        print(&fs::read_to_string(&log).map_err(|error| failed(&format!("read {}", log.display()), &error))?)?;
        return if status.success() { Ok(()) } else { Err(CliError::failed("the run ended before it was detached")) };
    }
    let (files, root) = (&args.sweeps.files, args.sweeps.store.display().to_string());
    let files: Vec<String> = files.iter().map(|file| quoted(&file.display().to_string())).collect();
    let profile = args.sweeps.profile.as_ref().map(|name| format!(" --profile {}", quoted(name))).unwrap_or_default();
    let rest = format!("{}{profile} --store {}", files.join(" "), quoted(&root));
    print(&format!(
        "the run goes on in the background, as process {} of {}; it says in {} how it goes\n\
         to watch it: ablate watch {rest}\n\
         to end it, with its jobs: ablate cancel {rest}\n",
        child.id(),
        machine::host(),
        log.display()
    ))
}

/// Waits until the run has the lock of its store, or has ended.
fn is_at_work(child: &mut Child, store: &Store) -> std::io::Result<bool> {
    loop {
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        if store.holder().is_some_and(|holder| holder.pid == child.id() && holder.host == machine::host()) {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
}
