//! One file over HTTP, resumed where an earlier attempt or an earlier run broke off.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    thread,
};

use ureq::{
    Agent, Body, Timeout,
    http::{Response, StatusCode, Uri, header},
};

use super::{Download, Error, ErrorKind, Patience, for_each_block};

/// Told the bytes that are here and the total, if known.
type Progress<'a> = dyn FnMut(u64, Option<u64>) + 'a;

/// Downloads the archive to `part`, adding to what is there; the caller checks the content.
pub fn fetch(download: &Download, part: &Path, patience: Patience, progress: &mut Progress) -> Result<(), Error> {
    let agent = agent(&download.url, patience);
    let mut longest = length(part);
    let mut failures = 0;
    let mut answered = false;
    loop {
        let error = match attempt(&agent, download, part, &mut answered, progress) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // Only bytes beyond all earlier attempts count as progress: a server that always starts over and always
        // breaks off would otherwise be asked forever.
        let length = length(part);
        if length > longest {
            longest = length;
            failures = 0;
        }
        failures += 1;
        if failures >= patience.failures || !is_passing(&error, answered) {
            return Err(error);
        }
        thread::sleep(patience.pause * 2_u32.saturating_pow(failures - 1));
    }
}

/// Whether another attempt may succeed. A host that has not answered once is most likely out of reach for good.
fn is_passing(error: &Error, answered: bool) -> bool {
    match error.kind {
        ErrorKind::Broken { .. } => true,
        ErrorKind::Unreachable { .. } => answered,
        ErrorKind::Status { status, .. } => matches!(status, 408 | 429 | 500..),
        _ => false,
    }
}

fn agent(url: &str, patience: Patience) -> Agent {
    let timeout = Some(patience.timeout);
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("ablate/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(timeout)
        .timeout_connect(timeout)
        .timeout_recv_response(timeout)
        .timeout_per_read(timeout);
    let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    if host.is_some_and(|host| host == "localhost" || host == "127.0.0.1") {
        // A proxy named in the environment cannot reach this machine's own servers.
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// One request, which asks for the bytes that are missing.
fn attempt(
    agent: &Agent,
    download: &Download,
    part: &Path,
    answered: &mut bool,
    progress: &mut Progress,
) -> Result<(), Error> {
    let url = &download.url;
    let broken = |done, total| ErrorKind::Broken { url: url.clone(), done, total };
    let have = length(part);
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let response = request.call().map_err(|error| refused(error, download, part, have))?;
    *answered = true;

    let (start, file) = match response.status() {
        StatusCode::OK => (0, File::create(part)),
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(have) => {
            (have, OpenOptions::new().append(true).create(true).open(part))
        }
        // Nothing is missing.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 && range_total(&response).is_none_or(|total| total == have) => {
            return Ok(());
        }
        // What is here does not fit the file there: without it, the next attempt asks for the whole.
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
            fs::remove_file(part).map_err(|error| Error::write(part, error))?;
            return Err(broken(0, None).into());
        }
        status => return Err(ErrorKind::Status { url: url.clone(), status: status.as_u16() }.into()),
    };
    let mut file = file.map_err(|error| Error::write(part, error))?;

    let mut done = start;
    let total = response.body().content_length().map(|length| start + length);
    progress(done, total);
    // The failure is built without `done`, which the closure below changes; the length of the file is the same number.
    let read_error = |error| Error::caused(broken(length(part), total), error);
    for_each_block(response.into_body().into_reader(), read_error, |block| {
        file.write_all(block).map_err(|error| Error::write(part, error))?;
        done += block.len() as u64;
        progress(done, total);
        Ok(())
    })?;
    if total.is_some_and(|total| done < total) {
        return Err(broken(done, total).into());
    }
    file.sync_all().map_err(|error| Error::write(part, error))
}

/// Sorts out why there is no response.
fn refused(error: ureq::Error, download: &Download, part: &Path, done: u64) -> Error {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    let url = download.url.clone();
    let kind = match &error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => ErrorKind::Address { url },
        ureq::Error::Io(cause) if matches!(cause.kind(), ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            ErrorKind::Broken { url, done, total: None }
        }
        ureq::Error::Timeout(Timeout::RecvResponse | Timeout::PerRead) | ureq::Error::Protocol(_) => {
            ErrorKind::Broken { url, done, total: None }
        }
        _ => ErrorKind::Unreachable { url, archive: part.with_file_name(&download.archive_name) },
    };
    Error::caused(kind, error)
}

/// First byte of a partial response: of `bytes 5-9/10` it is 5.
fn range_start(response: &Response<Body>) -> Option<u64> {
    content_range(response)?.split_once('-')?.0.parse().ok()
}

/// Length of the whole file: of `bytes 5-9/10` or `bytes */10` it is 10.
fn range_total(response: &Response<Body>) -> Option<u64> {
    content_range(response)?.split_once('/')?.1.parse().ok()
}

fn content_range(response: &Response<Body>) -> Option<&str> {
    response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")
}

/// Length of a file in bytes; 0 if there is none.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
