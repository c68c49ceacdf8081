import argparse
import unittest

from xloudclient.osc import words


class Words(unittest.TestCase):
    def refuses(self, read, *texts):
        for text in texts:
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                read(text)

    def test_memory_is_whole_mib(self):
        sizes = {'512': 512, '512M': 512, '4G': 4096, '4GiB': 4096, '1.5g': 1536, '1T': 1 << 20}
        self.assertEqual({text: words.memory(text) for text in sizes}, sizes)
        self.refuses(words.memory, '', '0', '-1', '4X', '4GB', '0.3M', '1.0001G', 'G', '1e3', '٤', '4 G', '4G\n')

    def test_numbers(self):
        self.assertEqual(words.positive('12'), 12)
        self.refuses(words.positive, '0', '-1', '1.5', '', '٣', '99999999999')

    def test_shares(self):
        self.assertEqual([words.share('0'), words.share('0.35'), words.share('1')], [0, 0.35, 1])
        self.refuses(words.share, '1.1', '-0.1', 'nan', 'inf', 'half')

    def test_spans(self):
        self.assertEqual(words.span(words.memory)('1G:4G:512M'), {'min': 1024, 'max': 4096, 'step': 512})
        self.assertEqual(words.span(words.positive)('1:4'), {'min': 1, 'max': 4})
        self.refuses(words.span(words.positive), '1', '1:2:3:4', '1:x')

    def test_schedules_keep_the_commas_of_cron(self):
        self.assertEqual(
            words.schedule('0 7 * * 1,3; vcpus=3;memory=4G; timezone=Europe/Berlin'),
            {'cron': '0 7 * * 1,3', 'vcpus': 3, 'memory_mb': 4096, 'timezone': 'Europe/Berlin'},
        )
        self.refuses(words.schedule, '0 7 * *; vcpus=3', '0 7 * * *; cpus=3', '0 7 * * *; vcpus=', '0 7 * * *; vcpus=x')
