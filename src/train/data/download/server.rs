//! A web server for tests that follows a script, so that connections break off where a test wants them to.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the server does with one request.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// Sends the requested range, or says that it is past the end, like most servers.
    Range,
    /// Sends the range that starts one byte later than requested.
    WrongRange,
    /// Sends everything, whatever is requested.
    Everything,
    /// Starts like `Range` and closes the connection after this many bytes.
    CutRange(usize),
    /// Starts like `Everything` and closes the connection after this many bytes.
    CutEverything(usize),
    /// Starts like `Range`, falls silent after this many bytes and leaves the connection open.
    Stall(usize),
    /// Sends this status and nothing else.
    Status(u16),
}

/// A running server; it ends with the test process.
pub struct Server {
    /// Address of the one file that it serves.
    pub url: String,
    starts: Arc<Mutex<Vec<usize>>>,
}

impl Server {
    /// Serves `content` with one reply per request; later requests are refused.
    pub fn start(content: &[u8], replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/archive.tar.gz", listener.local_addr().unwrap());
        let starts = Arc::new(Mutex::new(Vec::new()));
        let (content, replies, log) = (content.to_owned(), replies.to_owned(), starts.clone());
        thread::spawn(move || {
            let mut open = Vec::new();
            for reply in replies {
                let (stream, _) = listener.accept().unwrap();
                let start = requested_start(&stream);
                log.lock().unwrap().push(start);
                answer(&stream, &content, start, reply);
                if matches!(reply, Reply::Stall(_)) {
                    open.push(stream);
                }
            }
            drop(listener);
            if !open.is_empty() {
                thread::park();
            }
        });
        Self { url, starts }
    }

    /// The first byte that each request asked for.
    pub fn starts(&self) -> Vec<usize> {
        self.starts.lock().unwrap().clone()
    }
}

/// Reads a request; returns the first byte of its range.
fn requested_start(stream: &TcpStream) -> usize {
    let lines = BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let ranges = lines.filter_map(|line| {
        let range = line.to_ascii_lowercase();
        range.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
    });
    ranges.last().unwrap_or(0)
}

fn answer(mut stream: &TcpStream, content: &[u8], start: usize, reply: Reply) {
    let total = content.len();
    let (start, sent) = match reply {
        Reply::Range => (start, usize::MAX),
        Reply::WrongRange => (start + 1, usize::MAX),
        Reply::CutRange(sent) | Reply::Stall(sent) => (start, sent),
        Reply::Everything => (0, usize::MAX),
        Reply::CutEverything(sent) => (0, sent),
        Reply::Status(status) => {
            write!(stream, "HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
            return;
        }
    };
    let Some(body) = content.get(start..).filter(|body| !body.is_empty()) else {
        let head = format!("416 Past End\r\nContent-Range: bytes */{total}\r\nContent-Length: 0");
        write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").unwrap();
        return;
    };
    let head = match start {
        0 => "200 OK".to_owned(),
        _ => format!("206 Part\r\nContent-Range: bytes {start}-{}/{total}", total - 1),
    };
    write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(&body[..sent.min(body.len())]).unwrap();
}
