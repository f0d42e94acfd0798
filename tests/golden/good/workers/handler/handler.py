TYPE = "text/plain"


def answer(target):
    return b"hello\n" if target.partition("?")[0] == "/" else None


async def answer_async(target):
    return answer(target)
