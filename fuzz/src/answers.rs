//! Bytes as what servers answer: over HTTP, and as a DNS message.

use std::net::IpAddr;

use phasegate_phases::testing::{dns_answer, mended_answer};
use tokio::io::AsyncReadExt as _;

/// Mends the head of an answer: it is the same however its bytes come, once mended it stays as it is, and what follows the head is not
/// touched.
///
/// # Panics
///
/// When it isn't: that is the finding.
pub fn answers(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mended = mended_answer(bytes).await.ok();
        let place = bytes.first().map_or(0, |first| usize::from(*first) % bytes.len());
        let (one, two) = bytes.split_at(place);
        assert!(
            mended == mended_answer(one.chain(two)).await.ok(),
            "split at {place}"
        );
        // What ends within its head is an error.
        if let Some(mended) = mended {
            let again = mended_answer(&mended[..]).await.ok();
            assert!(
                again.as_ref() == Some(&mended),
                "{:?}",
                String::from_utf8_lossy(&mended)
            );
        }
        let marker = b"\r\n\r\nthe body";
        let with_body = [bytes, marker].concat();
        let mended = mended_answer(&with_body[..]).await.ok();
        assert!(mended.is_some_and(|mended| mended.ends_with(&marker[4..])));
    });
}

/// Reads a message: it says the same each time, and no address leads nowhere.
///
/// # Panics
///
/// When it doesn't: that is the finding.
pub fn dns_answers(bytes: &[u8]) {
    let read = dns_answer(bytes);
    assert_eq!(read, dns_answer(bytes));
    let Some((addresses, detail)) = read else { return };
    assert!(addresses.is_empty() || detail.is_none());
    for address in addresses {
        let leads_on = matches!(address, IpAddr::V4(address) if address.octets()[0] != 0);
        assert!(leads_on, "{address}");
    }
}
